import type { Document, Element, Node } from '@xmldom/xmldom';
import { type Address, parseAddress } from '../../../src/api/address.ts';
import {
  hostdevOf,
  hostdevXml,
  isSetForPassthrough,
  readDefinition,
  sharesGuestSlot,
  withPassthrough,
} from '../../../src/host/libvirt/definition.ts';
import { parseXml, XmlError } from '../../../src/host/libvirt/xml.ts';
import { readStarting } from '../../../src/host/start/starting-domain.ts';
import { promise, same, type Target, texts, unlessRefused, type Verdict } from '../target.ts';

const CARD = parseAddress('0000:05:00.0') as Address;

const PV = `<domain type='xen' id='1'>
  <name>red</name><uuid>6f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a01</uuid>
  <metadata><tool:x xmlns:tool='https://example.org/tool'><hostdev mode='subsystem' type='pci'>mine</hostdev></tool:x></metadata>
  <os><type arch='x86_64' machine='xenpv'>linux</type><cmdline>console=hvc0 &amp; &lt;more&gt;</cmdline></os>
  <features><xen><e820_host state='on'/><passthrough state='on'/></xen></features>
  <devices>
    <hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/>
      <source writeFiltering='no'><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>
      <alias name='ua-xenpci-0000-01-00-0'/><address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0x10000' bus='224' slot='0x1f' function='0x7'/></source>
    </hostdev>
    <!-- a note --><![CDATA[ & ]]>
  </devices>
</domain>`;

const HVM = `<?xml version="1.0"?>
<domain type="xen"><name>win &#10; &quot;x&quot;</name><os><type>hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu</emulator></devices></domain>`;

/** Definitions as libvirt might send them: what is read, and what is sent back. */
export const domainXml: Target = {
  name: 'domain-xml',
  about: "domains' definitions: read or refused, every device is found again, editing changes nothing else",
  seeds: texts(PV, HVM, '<domain/>', `<domain><devices>${hostdevXml(CARD, true)}</devices></domain>`),
  dictionary: [
    ...[
      '<',
      '>',
      '/>',
      '</',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<?x ?>',
      '<!DOCTYPE x>',
      '&amp;',
      '&#0;',
      '&#x10ffff;',
    ],
    ...[
      '&lt;',
      '&x;',
      '&#xD;',
      '&#9;',
      "'",
      '"',
      '=',
      'xmlns="x"',
      'xmlns:a="b"',
      'a:',
      '\r\n',
      '\t',
      '\ufeff',
      '\u0000',
    ],
    ...[
      '<hostdev',
      "mode='subsystem'",
      "type='pci'",
      '<source>',
      '<address',
      "bus='0x01'",
      "slot='0x1f'",
      '<features>',
    ],
    ...['<xen>', '<passthrough/>', '<os>', '<type>', "machine='xenpvh'", 'hvm', '<devices>', '</devices>', '</domain>'],
  ],
  heavy: function* () {
    yield Buffer.from('<a>'.repeat(300_000));
    yield Buffer.from(`<domain>${'<a>'.repeat(100)}${'</a>'.repeat(100)}</domain>`);
    yield Buffer.from(`<domain ${Array.from({ length: 5_000 }, (_, index) => `a${index}=''`).join(' ')}/>`);
    yield Buffer.from(`<domain>${'&amp;'.repeat(150_000)}</domain>`);
    yield Buffer.from(`<domain>${'<!--'.repeat(200_000)}</domain>`);
    yield Buffer.from(`<domain a='${'&'.repeat(100_000)}'/>`);
    yield Buffer.from(`<domain>${'<b a="'.repeat(150_000)}</domain>`);
    yield Buffer.from(`<domain>${'<b '.repeat(300_000)}</domain>`);
    yield Buffer.from(`<domain><devices>${hostdevXml(CARD, false).repeat(500)}</devices></domain>`);
  },
  quick: 800,
  full: 1_000_000,
  open: () => ({
    run(input): Verdict {
      const xml = input.toString('utf8');
      const taken = unlessRefused([XmlError], () => readDefinition(xml));
      if (taken === undefined) {
        promise(unlessRefused([XmlError], () => withPassthrough(xml)) === undefined, 'what cannot be read is edited');
        return 'refused';
      }
      promise(['pv', 'hvm', 'pvh'].includes(taken.type), 'a guest of no type');
      for (const { address } of taken.hostdevs.slice(0, 4)) deviceIsFound(xml, address);
      const starting = readStarting(xml);
      same(starting.hostdevs, taken.hostdevs, 'a start has other devices');
      editKeepsTheRest(xml);
      return 'accepted';
    },
  }),
};

function deviceIsFound(xml: string, address: Address): void {
  promise(parseAddress(address) === address, `${address} is not in its canonical form`);
  const element = hostdevOf(xml, address);
  promise(element !== undefined, `${address} is listed and not found`);
  const alone = readDefinition(`<domain><devices>${element}</devices></domain>`);
  promise(alone.hostdevs[0]?.address === address, `the element of ${address} is one of another device`);
  sharesGuestSlot(xml, address);
}

function editKeepsTheRest(xml: string): void {
  const edited = withPassthrough(xml);
  const now = readDefinition(edited);
  const before = readDefinition(xml);
  promise(isSetForPassthrough(now), 'the definition is not set for passthrough');
  same(
    { ...now, passthrough: 0, e820Host: 0 },
    { ...before, passthrough: 0, e820Host: 0 },
    'editing changed what is read',
  );
  promise(withPassthrough(edited) === edited, 'editing twice is not the same as editing once');
  same(rest(edited), rest(xml), 'editing changed something else');
}

/** A document without what editing may add or switch on. */
function rest(xml: string): unknown {
  return nodeText(parseXml(xml, 'domain') as Document, []);
}

const EDITED = ['domain/features', 'domain/features/xen'];
const SWITCHED = ['domain/features/xen/passthrough', 'domain/features/xen/e820_host'];

function nodeText(node: Node, above: readonly string[]): unknown {
  const path = node.nodeType === node.ELEMENT_NODE ? [...above, node.nodeName] : above;
  const place = path.join('/');
  const inside: unknown[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    const text = nodeText(child, path);
    if (text !== undefined) inside.push(text);
  }
  if (node.nodeType !== node.ELEMENT_NODE)
    return node.nodeType === node.DOCUMENT_NODE ? inside : [node.nodeType, node.nodeName, node.nodeValue];
  const attributes = [...((node as Element).attributes ?? [])].map(({ name, value }) => [name, value]);
  // Where several elements have the name, the first is the one that is edited.
  if (SWITCHED.includes(place))
    return attributes.filter(([name]) => name !== 'state').length + inside.length === 0
      ? undefined
      : [place, attributes.filter(([name]) => name !== 'state'), inside];
  if (EDITED.includes(place) && attributes.length + inside.length === 0) return undefined;
  return [node.nodeName, attributes, inside];
}
