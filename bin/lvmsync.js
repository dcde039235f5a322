#!/usr/bin/env node
import '../dist/cli/lvmsync/main.js';
