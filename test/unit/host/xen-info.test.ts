import { expect, test } from 'vitest';
import { parseXenInfo } from '../../../src/host/xl/xen-info.ts';

/** As Xen 4.17 in the lab prints it, shortened. */
const INFO = `release                : 6.1.0-41-amd64
virt_caps              : pv hvm hvm_directio pv_directio
xen_version            : 4.17.5
xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_64
xen_commandline        : COMMANDLINE
`;

test('version and IOMMU are read', () => {
  expect(parseXenInfo(INFO)).toEqual({ version: '4.17.5', iommu: { state: 'present' }, quarantine: 'on' });
  expect(parseXenInfo('')).toMatchObject({ version: undefined, iommu: { state: 'unknown' }, quarantine: undefined });
});

test.each([
  ['placeholder dom0_mem=1G', 'on'],
  ['iommu=verbose,no-quarantine', 'off'],
  ['iommu=quarantine=scratch-page', 'on'],
  ['iommu=quarantine=0 console=com1', 'off'],
  ['iommu=no-quarantine iommu=quarantine', 'on'],
  ['iommu=quarantine=on,quarantine=false', 'off'],
  ['noiommu=no-quarantine', 'on'],
])('quarantine under "%s" is %s', (commandLine, quarantine) => {
  expect(parseXenInfo(INFO.replace('COMMANDLINE', commandLine)).quarantine).toBe(quarantine);
});
