import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createdWithPassthrough } from '../../../src/host/libvirt/userdata.ts';
import { tempTree } from './temp-tree.ts';
import { RED_UUID } from './transcripts.ts';

const RED = { domid: 1, uuid: RED_UUID, toolstack: 'libvirt' } as const;
const BY_XL = { ...RED, toolstack: 'xl' } as const;

/** libxl's own form as Xen 4.17 writes it, with the NUL at its end. */
function json(info: object, more: object = {}): string {
  return `${JSON.stringify({ c_info: { type: 'pv', name: 'red', uuid: RED_UUID, ...info }, b_info: {}, ...more }, null, 4)}\n\0`;
}

function folder(files: { json?: string; xml?: string }): string {
  const name = `userdata-d.1.${RED_UUID}`;
  return tempTree({
    ...(files.json === undefined ? {} : { [`${name}.libxl-json`]: files.json }),
    ...(files.xml === undefined ? {} : { [`${name}.libvirt-xml`]: files.xml }),
  });
}

const FEATURE = "<domain><features><xen><passthrough state='on'/></xen></features></domain>";
const HOSTDEV =
  "<domain><devices><hostdev mode='subsystem' type='pci'><source><address bus='0x04' slot='0' function='0'/></source></hostdev></devices></domain>";

describe('whether a running domain was created with passthrough', () => {
  const cases = [
    ['asked for', { json: json({ passthrough: 'enabled' }) }, 'on', 'on'],
    ['asked for, with shared page tables', { json: json({ passthrough: 'share_pt' }) }, 'on', 'on'],
    ['refused', { json: json({ passthrough: 'disabled' }) }, 'off', 'off'],
    ['not asked for, but it has devices', { json: json({}, { pcidevs: [{ bus: 4 }] }) }, 'on', 'on'],
    ['not asked for', { json: json({}) }, 'off', 'unknown'],
    ['started by libvirt with the feature', { json: json({}), xml: FEATURE }, 'on', 'on'],
    ['started by libvirt with a device that has been taken away', { json: json({}), xml: HOSTDEV }, 'on', 'on'],
    ['started by libvirt with neither', { json: json({}), xml: '<domain/>' }, 'off', 'off'],
    ['no userdata', {}, 'unknown', 'unknown'],
    ['userdata that is cut', { json: json({}).slice(0, 40) }, 'unknown', 'unknown'],
  ] as const;
  test.each(cases)('%s', async (_, files, libvirt, xl) => {
    const root = folder(files);
    expect(await createdWithPassthrough(root, RED)).toBe(libvirt);
    expect(await createdWithPassthrough(root, BY_XL)).toBe(xl);
  });

  test('another instance of the same domain says nothing', async () => {
    const root = folder({ json: json({ passthrough: 'enabled' }) });
    expect(await createdWithPassthrough(root, { ...RED, domid: 2 })).toBe('unknown');
  });

  test('a file that is too long is an error, not an answer', async () => {
    const root = folder({ json: json({ name: 'x'.repeat(1_100_000) }) });
    await expect(createdWithPassthrough(root, RED)).rejects.toMatchObject({ code: 'Unreachable' });
  });

  test('any content is an answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), fc.string(), async (config, xml) => {
        expect(['on', 'off', 'unknown']).toContain(await createdWithPassthrough(folder({ json: config, xml }), RED));
      }),
      { numRuns: 50 },
    );
  });
});
