/** Loads modules of the project and ends, so that Node keeps them compiled (NODE_COMPILE_CACHE): `node compile.ts FILE…`. */
import { join } from 'node:path';

for (const file of process.argv.slice(2)) await import(join(import.meta.dirname, '..', file));
process.exit(0);
