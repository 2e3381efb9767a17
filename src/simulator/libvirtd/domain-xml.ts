import { randomUUID } from 'node:crypto';
import type { Element } from '@xmldom/xmldom';
import { ErrorCode } from '../../node-libvirt/index.ts';
import type { Definition, Domain, DomainType, MetadataElement } from '../model/domain.ts';
import { LibvirtRefusal } from '../model/refusal.ts';
import { formatHostdev, readHostdev } from './hostdev-xml.ts';
import { element, elements, escapeXml, parseRoot, serialize, text } from './xml.ts';

/** A domain as `define` and `create` take it. */
export interface DomainDocument {
  readonly name: string;
  readonly uuid: string;
  readonly type: DomainType;
  readonly definition: Definition;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** The elements that a Definition takes apart; the others are kept as they are. */
const KNOWN: ReadonlySet<string> = new Set(['name', 'uuid', 'metadata', 'features', 'devices']);

/** Reads a domain's definition; one without UUID gets one. @throws {LibvirtRefusal} */
export function parseDomain(xml: string): DomainDocument {
  const domain = parseRoot(xml, 'domain');
  const name = text(domain, 'name');
  const uuid = text(domain, 'uuid').toLowerCase() || randomUUID();
  if (name === '') throw new LibvirtRefusal(ErrorCode.xmlError, 'XML error: missing domain name');
  if (!UUID.test(uuid)) throw new LibvirtRefusal(ErrorCode.xmlError, 'XML error: malformed uuid element');
  return { name, uuid, type: typeOf(domain), definition: definitionIn(domain) };
}

/** Writes a domain's definition as libvirt shows it; `id` for that of a running instance. */
export function formatDomain(domain: Domain, definition: Definition, version: number, id?: number): string {
  const features = formatXenFeatures(definition) + definition.otherFeatures;
  const metadata = definition.metadata.map(withPrefix).join('');
  return [
    `<domain type='xen'${id === undefined ? '' : ` id='${id}'`}>`,
    `  <name>${escapeXml(domain.name)}</name>`,
    `  <uuid>${domain.uuid}</uuid>`,
    ...(metadata === '' ? [] : [`  <metadata>${metadata}</metadata>`]),
    `  ${definition.otherElements || usualElements(domain.type)}`,
    ...(features === '' ? [] : [`  <features>${features}</features>`]),
    '  <devices>',
    `    ${definition.otherDevices || "<console type='pty'><target type='xen' port='0'/></console>"}`,
    `${definition.hostdevs.map(hostdev => formatHostdev(hostdev, version)).join('')}  </devices>`,
    '</domain>\n',
  ].join('\n');
}

function formatXenFeatures({ passthrough, e820Host }: Definition): string {
  const on = [...(e820Host ? ['e820_host'] : []), ...(passthrough ? ['passthrough'] : [])];
  return on.length === 0 ? '' : `<xen>${on.map(name => `<${name} state='on'/>`).join('')}</xen>`;
}

function typeOf(domain: Element): DomainType {
  const type = text(domain, 'os', 'type');
  if (type === 'hvm') return 'hvm';
  const machine = element(domain, 'os', 'type')?.getAttribute('machine');
  return type === 'xenpvh' || machine === 'xenpvh' ? 'pvh' : 'pv';
}

function definitionIn(domain: Element): Definition {
  const features = element(domain, 'features');
  const devices = element(domain, 'devices');
  const isOn = (name: string): boolean => element(features, 'xen', name)?.getAttribute('state') === 'on';
  const other = (parent: Element | undefined, isKnown: (item: Element) => boolean): string =>
    serialize(...elements(parent).filter(item => !isKnown(item)));
  return {
    passthrough: isOn('passthrough'),
    e820Host: isOn('e820_host'),
    hostdevs: elements(devices, 'hostdev').flatMap(item => readHostdev(item) ?? []),
    metadata: elements(element(domain, 'metadata')).map(withoutPrefix),
    otherElements: other(domain, item => KNOWN.has(item.nodeName)),
    otherFeatures: other(features, item => item.nodeName === 'xen'),
    otherDevices: other(devices, item => item.nodeName === 'hostdev' && readHostdev(item) !== undefined),
  };
}

/** The definition shows a metadata element under its prefix; asked for, it comes without. */
function withPrefix({ uri, key, xml }: MetadataElement): string {
  const root = parseRoot(xml, /^<([\w.-]+)/.exec(xml)?.[1] ?? '');
  const tag = `${key}:${root.nodeName}`;
  const attributes = [...root.attributes].map(({ name, value }) => ` ${name}="${escapeXml(value)}"`).join('');
  const content = serialize(...elements(root)) || escapeXml(root.textContent ?? '');
  return `<${tag} xmlns:${key}="${escapeXml(uri)}"${attributes}>${content}</${tag}>`;
}

function withoutPrefix(item: Element): MetadataElement {
  const name = item.localName ?? item.nodeName;
  const attributes = [...item.attributes]
    .filter(({ name: attribute }) => !attribute.startsWith('xmlns'))
    .map(({ name: attribute, value }) => ` ${attribute}="${escapeXml(value)}"`);
  const content = serialize(...elements(item)) || escapeXml(item.textContent ?? '');
  return {
    uri: item.namespaceURI ?? '',
    key: item.prefix ?? 'md',
    xml: `<${name}${attributes.join('')}>${content}</${name}>`,
  };
}

const OS: Readonly<Record<DomainType, string>> = {
  pv: "<os><type arch='x86_64' machine='xenpv'>linux</type></os>",
  hvm: "<os><type arch='x86_64' machine='xenfv'>hvm</type></os>",
  pvh: "<os><type arch='x86_64' machine='xenpvh'>xenpvh</type></os>",
};

function usualElements(type: DomainType): string {
  const size = "<memory unit='KiB'>262144</memory><currentMemory unit='KiB'>262144</currentMemory>";
  const ends = '<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>';
  return `${size}<vcpu placement='static'>1</vcpu>${OS[type]}<clock offset='utc' adjustment='reset'/>${ends}`;
}
