import type { Document, Element } from '@xmldom/xmldom';
import { type Address, addressParts, formatAddress } from '../../api/address.ts';
import type { HostdevEntry } from '../../plan/observed.ts';
import { child, children, ensureChild, parseXml, serializeXml } from './xml.ts';

/** What we read from a libvirt domain's definition. */
export interface Definition {
  readonly type: 'pv' | 'hvm' | 'pvh';
  readonly hostdevs: readonly HostdevEntry[];
  /** `<features><xen><passthrough state='on'/></xen></features>`. */
  readonly passthrough: boolean;
  /** `<features><xen><e820_host state='on'/></xen></features>`. */
  readonly e820Host: boolean;
}

/**
 * Reads a domain's definition.
 * @throws {XmlError} when it is none.
 */
export function readDefinition(xml: string): Definition {
  const document = parseXml(xml, 'domain');
  return {
    type: guestType(document),
    hostdevs: hostdevElements(document).flatMap(element => {
      const entry = hostdevEntry(element);
      return entry === undefined ? [] : [entry];
    }),
    passthrough: isXenFeatureOn(document, 'passthrough'),
    e820Host: isXenFeatureOn(document, 'e820_host'),
  };
}

/**
 * Describes a device for a domain. The backend is always named, because libvirt 11.3 loses track of a detached device
 * without (virhostdev.c: "pci backend driver type 'default' is not supported"); an alias has to begin with `ua-`.
 */
export function hostdevXml(address: Address, permissive: boolean): string {
  const { segment, bus, device, function: fn } = addressParts(address);
  const hex = (value: number, width: number): string => `0x${value.toString(16).padStart(width, '0')}`;
  const place = `domain='${hex(segment, 4)}' bus='${hex(bus, 2)}' slot='${hex(device, 2)}' function='${hex(fn, 1)}'`;
  return [
    "<hostdev mode='subsystem' type='pci' managed='no'>",
    "<driver name='xen'/>",
    `<source${permissive ? " writeFiltering='no'" : ''}><address ${place}/></source>`,
    `<alias name='ua-xenpci-${address.replaceAll(/[:.]/g, '-')}'/>`,
    '</hostdev>',
  ].join('');
}

/**
 * The whole element of a device, as libvirt's Xen driver wants it back for a detach.
 * @returns undefined when the definition does not have the device.
 * @throws {XmlError}
 */
export function hostdevOf(xml: string, address: Address): string | undefined {
  const element = findHostdev(parseXml(xml, 'domain'), address);
  return element === undefined ? undefined : serializeXml(element);
}

/**
 * Whether another hostdev has the same guest slot. libvirt refuses to detach one of several functions of a slot, and a
 * refused detach leaves it with a domain that it has half freed.
 * @throws {XmlError}
 */
export function sharesGuestSlot(xml: string, address: Address): boolean {
  const document = parseXml(xml, 'domain');
  const element = findHostdev(document, address);
  const slot = guestSlot(element);
  if (slot === undefined) return false;
  return hostdevElements(document).some(other => other !== element && guestSlot(other) === slot);
}

/**
 * Whether a domain that is started with this definition can be given devices, and use them. A PV guest needs the host's
 * memory map as well: without it Linux 6.12 sets up no DMA for devices that come later, and an NVMe fails with IOMMU
 * faults (seen on Xen 4.20).
 */
export function isSetForPassthrough({ type, passthrough, e820Host }: Definition): boolean {
  return passthrough && (e820Host || type !== 'pv');
}

/**
 * A definition that is set for PCI passthrough, with all else as it was.
 * @throws {XmlError}
 */
export function withPassthrough(xml: string): string {
  const document = parseXml(xml, 'domain');
  const domain = document.documentElement;
  if (domain === null) return xml;
  const xen = ensureChild(document, ensureChild(document, domain, 'features'), 'xen');
  if (guestType(document) === 'pv') ensureChild(document, xen, 'e820_host').setAttribute('state', 'on');
  ensureChild(document, xen, 'passthrough').setAttribute('state', 'on');
  return serializeXml(document);
}

/** `linux` or `xen` with machine `xenpv`, `xenpvh`, or `hvm` (libvirt docs/formatdomain, Xen). */
function guestType(document: Document): Definition['type'] {
  const type = child(child(document.documentElement, 'os'), 'type');
  if (type?.textContent?.trim() === 'hvm') return 'hvm';
  return type?.textContent?.trim() === 'xenpvh' || type?.getAttribute('machine') === 'xenpvh' ? 'pvh' : 'pv';
}

function isXenFeatureOn(document: Document, name: 'passthrough' | 'e820_host'): boolean {
  const xen = child(child(document.documentElement, 'features'), 'xen');
  return child(xen, name)?.getAttribute('state') === 'on';
}

function hostdevElements(document: Document): Element[] {
  return children(child(document.documentElement, 'devices'), 'hostdev').filter(
    element => element.getAttribute('mode') === 'subsystem' && element.getAttribute('type') === 'pci',
  );
}

function findHostdev(document: Document, address: Address): Element | undefined {
  return hostdevElements(document).find(element => hostAddress(element) === address);
}

function hostdevEntry(element: Element): HostdevEntry | undefined {
  const address = hostAddress(element);
  if (address === undefined) return undefined;
  const alias = child(element, 'alias')?.getAttribute('name');
  return {
    address,
    ...(alias === null || alias === undefined ? {} : { alias }),
    managed: element.getAttribute('managed') === 'yes',
    permissive: child(element, 'source')?.getAttribute('writeFiltering') === 'no',
  };
}

function hostAddress(hostdev: Element): Address | undefined {
  const element = child(child(hostdev, 'source'), 'address');
  const segment = number(element, 'domain', 0xffff_ffff) ?? 0;
  const bus = number(element, 'bus', 0xff);
  const device = number(element, 'slot', 0x1f);
  const fn = number(element, 'function', 7) ?? 0;
  if (bus === undefined || device === undefined) return undefined;
  return formatAddress({ segment, bus, device, function: fn });
}

function guestSlot(hostdev: Element | undefined): string | undefined {
  const element = child(hostdev, 'address');
  if (element?.getAttribute('type') !== 'pci') return undefined;
  return ['domain', 'bus', 'slot'].map(name => number(element, name, 0xffff_ffff) ?? 0).join('/');
}

/** A number as libvirt writes it, `0x1f`, or as people do, `31`. */
function number(element: Element | undefined, name: string, max: number): number | undefined {
  const text = element?.getAttribute(name) ?? '';
  if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
