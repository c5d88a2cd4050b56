// npm test [-- STAGE…]   Runs every stage, or the named ones, and ends with `N passed, M failed`. See test/run/.
import { createRequire } from 'node:module';
import 'tsx/cjs';

// Required, not imported: Node 20 doesn't see the names that a transpiled module exports.
const { runTests } = createRequire(import.meta.url)('./run/runTests.ts');
process.exitCode = await runTests(process.argv.slice(2));
