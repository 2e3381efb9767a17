import { addressParts, parseAddress } from '../../api/address.ts';
import { ErrorCode, ErrorDomain } from '../../node-libvirt/index.ts';
import type { Device } from '../model/device.ts';
import type { Dom0 } from '../model/dom0.ts';
import { LibvirtRefusal } from '../model/refusal.ts';

/** libvirt's names of the PCI devices: `pci_0000_01_00_0`. */
export function nodeDeviceNames(dom0: Dom0): string[] {
  return [...dom0.devices.values()].filter(({ present }) => present).map(nameOf);
}

/** The device with such a name. @throws {LibvirtRefusal} */
export function findNodeDevice(dom0: Dom0, name: string): Device {
  const [, segment, bus, slot, fn] = /^pci_([0-9a-f]{4,8})_([0-9a-f]{2})_([0-9a-f]{2})_([0-7])$/.exec(name) ?? [];
  const address = parseAddress(`${segment}:${bus}:${slot}.${fn}`);
  const device = address === undefined ? undefined : dom0.present(address);
  if (device !== undefined) return device;
  const message = `Node device not found: no node device with matching name '${name.slice(0, 200)}'`;
  throw new LibvirtRefusal(ErrorCode.noNodeDevice, message, ErrorDomain.nodeDevice);
}

/** A device as `virsh nodedev-dumpxml` shows it, without the texts. */
export function describeNodeDevice(device: Device): string {
  const { identity, programmingInterface = '00', parent } = device.spec;
  const { segment, bus, device: slot, function: fn } = addressParts(device.spec.address);
  return [
    '<device>',
    `  <name>${nameOf(device)}</name>`,
    `  <parent>${parent === undefined ? 'computer' : nodeName(parent)}</parent>`,
    ...(device.driver === undefined ? [] : [`  <driver><name>${device.driver}</name></driver>`]),
    "  <capability type='pci'>",
    `    <class>0x${identity.class ?? '0000'}${programmingInterface}</class>`,
    `    <domain>${segment}</domain><bus>${bus}</bus><slot>${slot}</slot><function>${fn}</function>`,
    `    <product id='0x${identity.device}'/><vendor id='0x${identity.vendor}'/>`,
    '  </capability>',
    '</device>\n',
  ].join('\n');
}

function nameOf(device: Device): string {
  return nodeName(device.spec.address);
}

function nodeName(address: string): string {
  return `pci_${address.replaceAll(/[:.]/g, '_')}`;
}
