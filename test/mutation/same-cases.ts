import fc from 'fast-check';

/** Which mutants are noticed must not depend on luck. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 });
