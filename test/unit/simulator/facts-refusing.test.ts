import { describe, expect, test } from 'vitest';
import type { Model } from '../../../src/simulator/index.ts';
import { observe, worksInDom0 } from '../../../src/simulator/index.ts';
import { model, NVME, xl } from './world.ts';

// What guests that do not let go of a device were seen to do, on Xen 4.17.

const BACKEND = '/local/domain/0/backend/pci/1/0';

/** A guest that has the disk and lets go of nothing. */
function refusing(type: 'pv' | 'hvm'): Model {
  const uuid = '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0c001';
  const dom0 = model({ domains: [{ name: 'red', uuid, type, passthrough: true, running: true }] });
  expect(xl(dom0, `pci-assignable-add ${NVME}`).status).toBe(0);
  expect(xl(dom0, `pci-attach red ${NVME}`).status).toBe(0);
  dom0.settle();
  dom0.setRefusing('red', true);
  return dom0;
}

const place = (dom0: Model): string | undefined => observe(dom0).devices.get(NVME)?.place.at;

describe('a PV guest that refuses', () => {
  test.each(['pci-detach', 'pci-detach -f'])('%s: xl calls it a success, and the entry stays', command => {
    const dom0 = refusing('pv');
    const { status, stderr } = xl(dom0, `${command} red ${NVME}`);
    expect([status, stderr]).toEqual([0, expect.stringContaining(`Backend ${BACKEND} not ready`)]);
    dom0.settle();
    expect([dom0.dom0.store.read(`${BACKEND}/state`), dom0.dom0.store.read(`${BACKEND}/state-0`)]).toEqual(['7', '5']);
    expect(xl(dom0, 'pci-assignable-list').stdout).toBe(`${NVME}\n`);
    expect(place(dom0)).toBe('guest');
  });

  test('when it lets go at last, the device is free and the entry is still there', () => {
    const dom0 = refusing('pv');
    xl(dom0, `pci-detach red ${NVME}`);
    dom0.setRefusing('red', false);
    dom0.settle();
    expect([dom0.dom0.store.read(`${BACKEND}/state`), dom0.dom0.store.read(`${BACKEND}/num_devs`)]).toEqual(['4', '1']);
    expect(place(dom0)).toBe('assignable');
  });
});

describe('an HVM guest that refuses', () => {
  test('pci-detach: an error, and nothing has changed', () => {
    const dom0 = refusing('hvm');
    const { status, stderr } = xl(dom0, `pci-detach red ${NVME}`);
    expect([status, stderr]).toEqual([1, expect.stringContaining('timed out waiting for DM to remove pci-pt-02_00.0')]);
    expect(place(dom0)).toBe('guest');
  });

  test('pci-detach -f takes it; dom0 can use it, and the guest cannot have it again', () => {
    const dom0 = refusing('hvm');
    expect(xl(dom0, `pci-detach -f red ${NVME}`).status).toBe(0);
    expect(place(dom0)).toBe('assignable');
    expect(xl(dom0, `pci-attach red ${NVME}`)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("Duplicate device ID 'pci-pt-02_00.0'"),
    });
    expect(xl(dom0, `pci-assignable-remove -r ${NVME}`).status).toBe(0);
    const device = dom0.dom0.devices.get(NVME);
    expect(device !== undefined && worksInDom0(device)).toBe(true);
  });
});
