import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { layers } from './layers.js';

/** A path out of a layer's folder, from any depth in it, to one of the given names. */
const climbingTo = (names) => `^(\\.\\./)+(${names.join('|')})(/|\\.js$)`;

const restrictImports = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

const layerRule = ({ name, pure, packages }, index) => {
  const above = layers.slice(index + 1).map((layer) => layer.name);
  const allowed = ['\\.\\.?/', ...(pure ? [] : ['node:']), ...packages.map((each) => `${each}$`)];
  return {
    name: `layer ${name}`,
    files: [`src/${name}/**/*.ts`],
    rules: restrictImports([
      { regex: climbingTo(['index', ...above]), message: `${name}/ imports only from the layers below it.` },
      { regex: `^(?!${allowed.join('|')})`, message: `This import has no place in ${name}/.` },
    ]),
  };
};

export default defineConfig(
  globalIgnores(['dist/', 'node_modules/', 'fixtures/', 'coverage/']),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['bin/*.js'] },
        tsconfigRootDir: fileURLToPath(new URL('..', import.meta.url)),
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An index into a typed array that a loop has just bounded needs no second check.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // What implements an asynchronous interface may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }] },
  },
  {
    name: 'layer errors',
    files: ['src/errors.ts'],
    rules: restrictImports([{ regex: '.', message: 'errors.ts imports nothing.' }]),
  },
  ...layers.map(layerRule),
  {
    // Plain scripts, run before anything is compiled, declare no types for the checker to hold them to.
    files: ['**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'console', 'Buffer', 'URL', 'setTimeout', 'clearTimeout', 'performance'].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
    },
  },
);
