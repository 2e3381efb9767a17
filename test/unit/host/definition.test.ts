import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, formatAddress } from '../../../src/api/address.ts';
import {
  hostdevOf,
  hostdevXml,
  isSetForPassthrough,
  readDefinition,
  sharesGuestSlot,
  withPassthrough,
} from '../../../src/host/libvirt/definition.ts';
import { XmlError } from '../../../src/host/libvirt/xml.ts';

const CARD = '0000:01:00.0' as Address;

/** As libvirt 9.0 printed it, shortened. */
const LIVE = `<domain type='xen' id='1'>
  <name>red</name>
  <metadata>
    <tool:x xmlns:tool='https://example.org/tool'><hostdev mode='subsystem' type='pci'>mine</hostdev></tool:x>
  </metadata>
  <os>
    <type arch='x86_64' machine='xenpv'>linux</type>
    <cmdline>console=hvc0 &amp; &lt;more&gt;</cmdline>
  </os>
  <features>
    <xen>
      <e820_host state='on'/>
      <passthrough state='on'/>
    </xen>
  </features>
  <devices>
    <hostdev mode='subsystem' type='pci' managed='no'>
      <driver name='xen'/>
      <source writeFiltering='no'>
        <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
      </source>
      <alias name='ua-xenpci-0000-01-00-0'/>
    </hostdev>
    <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source>
        <address domain='0x10000' bus='0xe0' slot='0x1f' function='0x7'/>
      </source>
    </hostdev>
  </devices>
</domain>`;

function domain(inside: string): string {
  return `<domain type='xen'><name>red</name>${inside}</domain>`;
}

describe('a definition', () => {
  test('is read', () => {
    expect(readDefinition(LIVE)).toEqual({
      type: 'pv',
      passthrough: true,
      e820Host: true,
      hostdevs: [
        { address: '0000:01:00.0', alias: 'ua-xenpci-0000-01-00-0', managed: false, permissive: true },
        { address: '10000:e0:1f.7', managed: true, permissive: false },
      ],
    });
  });

  test('tells PV, HVM and PVH apart', () => {
    const type = (text: string): string => readDefinition(domain(`<os>${text}</os>`)).type;
    expect(type("<type arch='x86_64' machine='xenpv'>linux</type>")).toBe('pv');
    expect(type("<type arch='x86_64' machine='xenfv'>hvm</type><loader type='rom'>hvmloader</loader>")).toBe('hvm');
    expect(type("<type arch='x86_64' machine='xenpvh'>xenpvh</type>")).toBe('pvh');
    expect(type("<type arch='x86_64' machine='xenpvh'>linux</type>")).toBe('pvh');
  });

  test('passthrough that is off is off', () => {
    const state = (text: string): boolean =>
      readDefinition(domain(`<features><xen><passthrough ${text}/></xen></features>`)).passthrough;
    expect([state("state='off'"), state(''), state("state='on' mode='share_pt'")]).toEqual([false, false, true]);
  });

  test('the whole element of a device is found', () => {
    const element = hostdevOf(LIVE, CARD) ?? '';
    expect(element).toMatch(/^<hostdev .*<\/hostdev>$/s);
    expect(element).toContain('writeFiltering="no"');
    expect(element).toContain('ua-xenpci-0000-01-00-0');
    expect(hostdevOf(LIVE, '0000:02:00.0' as Address)).toBeUndefined();
  });

  test('what is written is read back, for every address', () => {
    const addresses = fc.record({
      segment: fc.nat(0xfffff),
      bus: fc.nat(0xff),
      device: fc.nat(0x1f),
      function: fc.nat(7),
    });
    fc.assert(
      fc.property(addresses, fc.boolean(), (parts, permissive) => {
        const address = formatAddress(parts);
        const xml = domain(`<devices>${hostdevXml(address, permissive)}</devices>`);
        const alias = `ua-xenpci-${address.replaceAll(/[:.]/g, '-')}`;
        expect(readDefinition(xml).hostdevs).toEqual([{ address, alias, managed: false, permissive }]);
        expect(xml.includes("writeFiltering='no'")).toBe(permissive);
        expect(xml).toContain("<driver name='xen'/>");
      }),
    );
  });

  test('functions of one guest slot are told', () => {
    const hostdev = (bus: number, guest: string): string =>
      `<hostdev mode='subsystem' type='pci'><source><address bus='${bus}' slot='0' function='0'/></source>${guest}</hostdev>`;
    const at = (slot: number, fn: number): string =>
      `<address type='pci' domain='0' bus='0' slot='0x0${slot}' function='${fn}'/>`;
    const shares = (first: string, second: string): boolean =>
      sharesGuestSlot(domain(`<devices>${hostdev(1, first)}${hostdev(2, second)}</devices>`), CARD);
    expect(shares('', '')).toBe(false);
    expect(shares(at(5, 0), at(6, 0))).toBe(false);
    expect(shares(at(5, 0), at(5, 1))).toBe(true);
  });
});

describe('switching passthrough on', () => {
  const cases = {
    'without features': '<devices/>',
    'with empty features': '<features/><devices/>',
    'with other features': "<features><acpi/><xen><e820_host state='on'/></xen></features><devices/>",
    'when it is off': "<features><xen><passthrough state='off' mode='sync_pt'/></xen></features>",
  };
  test.each(Object.entries(cases))('%s', (_, inside) => {
    expect(readDefinition(domain(inside)).passthrough).toBe(false);
    const changed = withPassthrough(domain(inside));
    expect(isSetForPassthrough(readDefinition(changed))).toBe(true);
    expect(changed.match(/<features/g)).toHaveLength(1);
    expect(changed.match(/<xen[ >]/g)).toHaveLength(1);
  });

  test('keeps everything else', () => {
    const off = LIVE.replace("<passthrough state='on'/>", "<passthrough state='off'/>");
    const changed = withPassthrough(off).replaceAll('"', "'");
    expect(changed).toBe(LIVE);
  });

  test('gives a PV domain the memory map that it needs too, and an HVM domain nothing more', () => {
    const hvm = "<os><type>hvm</type></os><features><xen><passthrough state='on'/></xen></features>";
    const pv = "<features><xen><passthrough state='on'/></xen></features>";
    expect(isSetForPassthrough(readDefinition(domain(hvm)))).toBe(true);
    expect(isSetForPassthrough(readDefinition(domain(pv)))).toBe(false);
    expect(readDefinition(withPassthrough(domain(hvm))).e820Host).toBe(false);
    expect(readDefinition(withPassthrough(domain(pv))).e820Host).toBe(true);
  });

  test('keeps line ends that stand in a text by their number', () => {
    const xml = withPassthrough(domain("<title a='1&#10;2&#9;3'>a&#13;&#10;b</title>"));
    expect(xml).toMatch(/<title a="1&#(?:10|xA);2&#(?:9|x9);3">a&#xD;\nb<\/title>/);
    expect(withPassthrough(xml)).toBe(xml);
  });

  test('is not misled by metadata that looks like features', () => {
    const inside = "<metadata><features><xen><passthrough state='on'/></xen></features></metadata>";
    expect(readDefinition(domain(inside)).passthrough).toBe(false);
    expect(readDefinition(withPassthrough(domain(inside))).passthrough).toBe(true);
  });
});

describe('a hostile definition', () => {
  const bomb = `<!DOCTYPE domain [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>${domain('<title>&b;</title>')}`;
  const size = 1_000_000;
  const cases = {
    'an entity bomb': bomb,
    'an external entity': `<!DOCTYPE d SYSTEM "file:///etc/shadow">${domain('')}`,
    'an unknown entity': domain('<title>&bomb;</title>'),
    'no XML': 'domain',
    nothing: '',
    'another root': '<network/>',
    'two roots': `${domain('')}${domain('')}`,
    'an open element': '<domain><devices></domain>',
    'a cut text': LIVE.slice(0, 700),
    'great depth': domain('<a>'.repeat(size / 10) + '</a>'.repeat(size / 10)),
    'great depth, left open': `<domain>${'<a>'.repeat(size / 4)}`,
    'too much': domain('x'.repeat(1_100_000)),
    'two slashes': '<domain//>',
    'a NUL in a tag': '<domain\0/>',
    'a NUL in a text': domain('\0'),
    'a control character by its number': domain('<title>&#1;</title>'),
    'a character that there is not': domain('<title>&#xd800;</title>'),
    'a bare ampersand in an attribute': "<domain a='b & c'/>",
    'a bare ampersand in a text': domain('b & c'),
    'a lone surrogate': domain('\ud800'),
    'text behind the root': `${domain('')}x`,
    'text before the root': `x${domain('')}`,
    'the end of a section that never began': domain(']]>'),
    'an attribute without quotes': '<domain a=b/>',
    'an attribute without a value': '<domain a/>',
    'an attribute given twice': "<domain a='1' a='2'/>",
    'no space between attributes': "<domain a='1'b='2'/>",
    'a name that begins with a digit': domain('<1/>'),
    'an XML declaration in the middle': domain('<?xml version="1.0"?>'),
    'a comment in a comment': domain('<!-- a -- b -->'),
  };
  test.each(Object.entries(cases))('%s is refused', (_, text) => {
    expect(() => readDefinition(text)).toThrow(XmlError);
    expect(() => withPassthrough(text)).toThrow(XmlError);
    expect(() => hostdevOf(text, CARD)).toThrow(XmlError);
  });

  const lavish = {
    'many elements': domain('<a/>'.repeat(size / 5)),
    'many attributes': `<domain ${Array.from({ length: 20_000 }, (_, index) => `a${index}='x'`).join(' ')}/>`,
    'much text': domain('&amp;'.repeat(size / 6)),
    'a long comment': domain(`<!--${'- '.repeat(size / 3)}-->`),
    'a long CDATA': domain(`<title><![CDATA[${'] '.repeat(size / 3)}]]></title>`),
    'many processing instructions': domain('<?a b?>'.repeat(size / 10)),
    'many spaces in tags': `<domain${' '.repeat(size / 2)}/>`,
  };
  test.each(Object.entries(lavish))('%s is read or refused', (_, text) => {
    try {
      readDefinition(text);
    } catch (error) {
      expect(error).toBeInstanceOf(XmlError);
    }
  });

  test('any change of a real one is read or refused', () => {
    const pieces = fc.constantFrom(
      '<',
      '>',
      '/>',
      '</',
      '&',
      "'",
      '"',
      '=',
      '<!--',
      ']]>',
      '<![CDATA[',
      '<?',
      '\0',
      '\ufffe',
    );
    fc.assert(
      fc.property(fc.nat(LIVE.length), fc.nat(40), fc.oneof(pieces, fc.string()), (start, cut, piece) => {
        const text = LIVE.slice(0, start) + piece + LIVE.slice(start + cut);
        try {
          readDefinition(text);
          expect(readDefinition(withPassthrough(text)).passthrough).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError);
        }
      }),
    );
  });

  test('addresses that make no sense are no devices', () => {
    for (const place of [
      "bus='0x100' slot='0'",
      "bus='1' slot='0x20'",
      "bus='-1' slot='0'",
      "slot='0'",
      "bus='1e3' slot='0'",
      '',
    ]) {
      const xml = `<hostdev mode='subsystem' type='pci'><source><address ${place}/></source></hostdev>`;
      expect(readDefinition(domain(`<devices>${xml}</devices>`)).hostdevs).toEqual([]);
    }
  });
});
