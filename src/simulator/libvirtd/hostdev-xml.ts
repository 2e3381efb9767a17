import type { Element } from '@xmldom/xmldom';
import { type Address, addressParts, formatAddress } from '../../api/address.ts';
import { ErrorCode } from '../../node-libvirt/index.ts';
import type { Hostdev } from '../model/domain.ts';
import { LIBVIRT_11_0 } from '../model/libvirt.ts';
import { LibvirtRefusal } from '../model/refusal.ts';
import { element, escapeXml, parseRoot } from './xml.ts';

/** Reads the element that attach and detach take. @throws {LibvirtRefusal} */
export function parseHostdev(xml: string): Hostdev {
  const hostdev = readHostdev(parseRoot(xml, 'hostdev'));
  if (hostdev === undefined) throw new LibvirtRefusal(ErrorCode.xmlError, 'XML error: missing or bad source address');
  return hostdev;
}

/** Reads a hostdev of a definition. @returns undefined for one that is no PCI device, or has no address. */
export function readHostdev(hostdev: Element): Hostdev | undefined {
  if (hostdev.getAttribute('mode') !== 'subsystem' || hostdev.getAttribute('type') !== 'pci') return undefined;
  const source = element(hostdev, 'source');
  const address = readAddress(element(source, 'address'));
  if (address === undefined) return undefined;
  const alias = element(hostdev, 'alias')?.getAttribute('name') ?? undefined;
  return {
    address,
    managed: hostdev.getAttribute('managed') === 'yes',
    permissive: source?.getAttribute('writeFiltering') === 'no',
    driverNamed: element(hostdev, 'driver')?.getAttribute('name') === 'xen',
    // libvirt keeps an alias only when it is a user's own (virDomainDeviceAliasIsUserAlias).
    ...(alias?.startsWith('ua-') === true ? { alias } : {}),
  };
}

/** Writes a hostdev as libvirt shows it. 9.0 names the driver also where nobody did. */
export function formatHostdev(hostdev: Hostdev, version: number): string {
  const { segment, bus, device, function: fn } = addressParts(hostdev.address);
  const hex = (value: number, width: number): string => `0x${value.toString(16).padStart(width, '0')}`;
  const place = `domain='${hex(segment, 4)}' bus='${hex(bus, 2)}' slot='${hex(device, 2)}' function='${hex(fn, 1)}'`;
  return [
    `    <hostdev mode='subsystem' type='pci' managed='${hostdev.managed ? 'yes' : 'no'}'>`,
    ...(hostdev.driverNamed || version < LIBVIRT_11_0 ? ["      <driver name='xen'/>"] : []),
    `      <source${hostdev.permissive ? " writeFiltering='no'" : ''}>`,
    `        <address ${place}/>`,
    '      </source>',
    ...(hostdev.alias === undefined ? [] : [`      <alias name="${escapeXml(hostdev.alias)}"/>`]),
    '    </hostdev>\n',
  ].join('\n');
}

function readAddress(place: Element | undefined): Address | undefined {
  const number = (name: string, max: number): number => {
    const value = Number(place?.getAttribute(name) ?? '0');
    return Number.isInteger(value) && value >= 0 && value <= max ? value : Number.NaN;
  };
  const parts = {
    segment: number('domain', 0xffff_ffff),
    bus: number('bus', 0xff),
    device: number('slot', 0x1f),
    function: number('function', 7),
  };
  const complete = place?.hasAttribute('bus') === true && Object.values(parts).every(Number.isInteger);
  return complete ? formatAddress(parts) : undefined;
}
