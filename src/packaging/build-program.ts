// Part of `npm run build`: writes the program to dist/xenpci.cjs.
import { resolve } from 'node:path';
import { bundleProgram } from './program.ts';

await bundleProgram(resolve('.'), { outfile: resolve('dist/xenpci.cjs') });
