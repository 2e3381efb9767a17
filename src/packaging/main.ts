// `npm run package`: writes the packages to dist/package.
import { resolve } from 'node:path';
import { fetchNode, makePackages } from './build.ts';

const out = resolve('dist/package');
const node = await fetchNode(resolve('node_modules/.cache/xenpci'));
const made = await makePackages(resolve('.'), out, node, 'xz');
for (const path of Object.values(made)) process.stdout.write(`${path}\n`);
