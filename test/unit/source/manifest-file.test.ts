import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ManifestProblem } from '../../../src/api/manifest.ts';
import { writtenForm } from '../../../src/api/written-form.ts';
import { type ManifestFile, parseManifestFile } from '../../../src/source/manifest-file.ts';
import { formatProblem } from '../../../src/source/problem.ts';
import { assignmentYaml, policyYaml } from './manifests.ts';

function parse(text: string | Uint8Array): ManifestFile {
  return parseManifestFile('m.yaml', typeof text === 'string' ? Buffer.from(text) : text);
}

/** What the user is shown. */
function shownProblems(text: string | Uint8Array): string {
  return `\n${parse(text).problems.map(formatProblem).join('\n')}\n`;
}

function codes(text: string | Uint8Array): string[] {
  return parse(text).problems.map(problem => problem.code);
}

const LAN = assignmentYaml('sys-net', '0000:01:00.0');

describe('a good file', () => {
  it('gives its objects, and where they are', () => {
    const file = parse(`# net\n---\n${LAN}---\n${policyYaml('host', '00:1f.2')}`);
    expect(file.problems).toEqual([]);
    expect(file.policies.map(({ policy }) => policy.spec)).toEqual([
      { protectedDevices: [{ address: '0000:00:1f.2' }], allow: [], maxDetachesPerPass: 2, forceDetach: false },
    ]);
    expect(file.assignments.map(({ sourced }) => sourced)).toMatchObject([
      {
        assignment: { metadata: { name: 'sys-net' } },
        origin: { file: 'm.yaml', line: 3, column: 1 },
        entryOrigins: [{ file: 'm.yaml', line: 10, column: 7 }],
        hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    ]);
  });

  it.each(['# only a comment\n', '---\n---\n...\n', '---\n# nothing\n'])('may say nothing: %j', text => {
    expect(parse(text)).toEqual({
      text,
      assignments: [],
      policies: [],
      elsewhere: 0,
      problems: [],
      mayHoldPolicy: false,
    });
  });

  it('may have a byte order mark, Windows line ends, anchors, or be JSON', () => {
    const { sourced } = parse(LAN).assignments[0] ?? {};
    const anchored = LAN.replace('domain: sys-net', 'domain: *n').replace('name: sys-net', 'name: &n sys-net');
    const json = JSON.stringify(writtenForm(sourced?.assignment ?? expect.fail()), null, '\t');
    for (const text of [`\ufeff${LAN}`, LAN.replaceAll('\n', '\r\n'), anchored, json]) {
      expect(parse(text)).toMatchObject({ problems: [], assignments: [{ sourced: { hash: sourced?.hash } }] });
    }
  });
});

describe('an error', () => {
  it('of a placeholder, at its word in the command', () => {
    const text = policyYaml('host', '00:1f.2').concat(
      '  guestUnbind:\n    command: [/bin/let-go, "{domain}", "{guestdevice}"]\n',
    );
    expect(shownProblems(text)).toMatchInlineSnapshot(`
      "
      m.yaml:7:40: error InvalidValue: spec.guestUnbind.command[2]: "{guestdevice}" stands for nothing; did you mean {guestDevice}?; write {{ and }} for braces
              command: [/bin/let-go, "{domain}", "{guestdevice}"]
                                                 ^
      "
    `);
  });

  it('of syntax', () => {
    expect(shownProblems(LAN.replace('spec:', 'spec: {'))).toMatchInlineSnapshot(`
      "
      m.yaml:6:11: error Syntax: Implicit keys need to be on a single line
            domain: sys-net
                    ^
      m.yaml:8:13: error Syntax: Nested mappings are not allowed in compact mappings
              - name: d0
                      ^
      m.yaml:9:28: error Syntax: Flow map in block collection must be sufficiently indented and end with a }
                address: 0000:01:00.0
                                     ^
      "
    `);
    expect(shownProblems(LAN.replace('    - name', '\t- name'))).toMatchInlineSnapshot(`
      "
      m.yaml:7:11: error Syntax: A block sequence may not be used as an implicit map key
            devices:
                    ^
      m.yaml:8:1: error Syntax: Tabs are not allowed as indentation
           - name: d0
          ^
      "
    `);
  });

  it('of a field that is not known', () => {
    expect(shownProblems(LAN.replace('address:', 'adress:'))).toMatchInlineSnapshot(`
      "
      m.yaml:8:7: error MissingField: spec.devices[0]: does not say which device; give one of address, path, selector
              - name: d0
                ^
      m.yaml:9:7: error UnknownField: spec.devices[0].adress: "adress" is not a field; did you mean address?
                adress: 0000:01:00.0
                ^
      "
    `);
  });

  it('of an address', () => {
    expect(shownProblems(assignmentYaml('sys-net', '0000:3:00.0'))).toMatchInlineSnapshot(`
      "
      m.yaml:9:16: error InvalidValue: spec.devices[0].address: "0000:3:00.0" is not a PCI address; write segment:bus:device.function in hex, such as 0000:03:00.0
                address: 0000:3:00.0
                         ^
      "
    `);
  });

  it('of numbers that should be text', () => {
    const identity = '{vendor: 8086, device: 15e8, subsystemVendor: "17aa", class: 0200}';
    expect(shownProblems(`${LAN}      identity: ${identity}\n`)).toMatchInlineSnapshot(`
      "
      m.yaml:10:26: error InvalidValue: spec.devices[0].identity.vendor: must be a string: unquoted 8086 is a number in YAML; write "8086"
                identity: {vendor: 8086, device: 15e8, subsystemVendor: "17aa", clas…
                                   ^
      m.yaml:10:40: error InvalidValue: spec.devices[0].identity.device: must be a string: unquoted 15e8 is the number 1500000000 in YAML; write "15e8"
                identity: {vendor: 8086, device: 15e8, subsystemVendor: "17aa", clas…
                                                 ^
      m.yaml:10:78: error InvalidValue: spec.devices[0].identity.class: must be a string: unquoted 0200 is the number 200 in YAML; write "0200"
          …86, device: 15e8, subsystemVendor: "17aa", class: 0200}
                                                             ^
      "
    `);
  });

  it('of fields that are missing, empty, given twice, or not text', () => {
    expect(shownProblems(LAN.replace('  domain: sys-net\n', ''))).toMatchInlineSnapshot(`
      "
      m.yaml:5:1: error MissingField: spec.domain: is missing
          spec:
          ^
      "
    `);
    expect(shownProblems(LAN.replace('kind:', 'metadata: {}\nkind:'))).toMatchInlineSnapshot(`
      "
      m.yaml:4:1: error Syntax: metadata: "metadata" stands in line 2 already; a field may be given once
          metadata:
          ^
      "
    `);
    expect(shownProblems(LAN.replace('domain: sys-net', 'domain:'))).toMatchInlineSnapshot(`
      "
      m.yaml:6:3: error InvalidValue: spec.domain: must be a domain's name or {uuid: ...}, and is empty
            domain:
            ^
      "
    `);
    expect(codes(`${LAN}? [a]\n: b\n`)).toEqual(['Syntax']);
    expect(codes(LAN.replace('metadata:', 'metadata:\n  labels: {__proto__: a}'))).toEqual(['Syntax']);
  });

  it('of one document does not hide those of another', () => {
    const text = ['kind: Pod', '- 1', LAN.replace('d0', 'D0'), '!secret x', '*a'].join('\n---\n');
    expect(shownProblems(text)).toMatchInlineSnapshot(`
      "
      m.yaml:1:7: error UnknownKind: kind: "Pod" is not a kind; xenpci.dev/v1alpha1 has PCIAssignment and PCIHostPolicy
          kind: Pod
                ^
      m.yaml:3:1: error InvalidValue: a document is a mapping with apiVersion, kind, metadata and spec
          - 1
          ^
      m.yaml:12:13: error InvalidValue: spec.devices[0].name: "D0" is not a name; use lower case letters, digits and "-", with a letter or digit first and last, at most 63
              - name: D0
                      ^
      m.yaml:16:1: error Syntax: Unresolved tag: !secret
          !secret x
          ^
      m.yaml:16:9: error InvalidValue: a document is a mapping with apiVersion, kind, metadata and spec
          !secret x
                  ^
      m.yaml:18:1: error Syntax: *a has no anchor &a before it
          *a
          ^
      "
    `);
  });

  it('of an encoding', () => {
    expect(shownProblems(Buffer.concat([Buffer.from('# ä\n# ü'), Buffer.of(0xff)]))).toMatchInlineSnapshot(`
      "
      m.yaml:2:4: error Unreadable: is not UTF-8 here; save the file as UTF-8
          # ü�
             ^
      "
    `);
    expect(parse(Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x0a, 0xef, 0xbf, 0xbd, 0xff])).problems).toMatchObject([
      { code: 'Unreadable', line: 2, column: 2 },
    ]);
  });

  it.each(['', ' \n', '\ufeff'])('is %j, which may be a file that is being written', text => {
    expect(codes(text)).toEqual(['EmptySource']);
  });

  it.each(['!', '!!map', '&a', '|', '>-\n', '"', '%YAML 1.2', `${LAN}...\n%YAML 1.2\n`, `${LAN}---\n&a\n`])(
    'of the beginning of something, which must not read as nothing: %j',
    text => {
      expect(codes(text).length).toBeGreaterThan(0);
    },
  );
});

describe('tags', () => {
  it.each(['!!binary eA==', '!!timestamp 2001-01-01', '!!set {a}', '!!omap [a: b]', '!!pairs [a: b]', '!t a'])(
    'of other than plain data are refused, also where any text may stand: %s',
    tagged => {
      const [value, key] = [`{note: ${tagged}}`, `{? ${tagged} : note}`];
      for (const notes of [value, key]) {
        const text = LAN.replace('  name: sys-net', `  name: sys-net\n  annotations: ${notes}`);
        expect(text).not.toBe(LAN);
        expect(codes(text).length).toBeGreaterThan(0);
      }
    },
  );

  it('of a merge, which is not done here, are refused', () => {
    const merged = LAN.replace('metadata:\n  name: sys-net', 'metadata:\n  !!merge <<: {name: sys-net}');
    expect(merged).not.toBe(LAN);
    expect(codes(merged)).toContain('Syntax');
  });

  it('of plain data are taken', () => {
    expect(codes(LAN.replace('name: sys-net', 'name: !!str sys-net'))).toEqual([]);
  });
});

describe('limits', () => {
  const many = 1 << 20;
  it.each([
    ['nested lists', '['.repeat(many)],
    ['nested mappings', '{a: '.repeat(many / 4)],
    ['nested dashes', '- '.repeat(many / 2)],
    ['brackets', '[]'.repeat(many / 2)],
    ['quotes', '"'.repeat(many)],
    ['keys', Array.from({ length: 60_000 }, (_, index) => `k${index}: 1\n`).join('')],
    ['documents', '---\n'.repeat(2000)],
    ['aliases', `a: &a 1\nb: [${'*a,'.repeat(2000)}]\n`],
  ])('stop a file of %s', (_, text) => {
    expect(codes(text)).toEqual(['TooLarge']);
  });

  it('stop aliases that grow', () => {
    const list = (name: string): string => `[${`*${name},`.repeat(9)}]`;
    const levels = [...'abcdefgh'].map((name, index, all) => `${name}: &${name} ${list(all[index - 1] ?? 'z')}\n`);
    expect(codes(`z: &z [1]\n${levels.join('')}`)).toEqual(['Syntax']);
  });

  it('hold for thousands of wrong entries', () => {
    const entries = Array.from({ length: 9000 }, (_, index) => `    - {x${index}: 1}\n`);
    const text = `${LAN.slice(0, LAN.indexOf('    - name'))}${entries.join('')}`;
    expect(parse(text).problems.at(-1)).toMatchObject({ code: 'TooLarge', field: '' });
  });

  it('show the first hundred problems and count the others', () => {
    const file = parse(Array.from({ length: 130 }, (_, index) => `- ${index}\n`).join('---\n'));
    expect(file.problems).toHaveLength(101);
    expect(file.problems.at(-1)?.message).toBe('has 30 more problems, which are not shown');
  });
});

describe('any file', () => {
  const words = [
    '- ',
    ': ',
    '? ',
    '\n',
    '  ',
    '\n  ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '&a ',
    '*a',
    '!',
    '|',
    '>',
    '#',
  ];
  const yamlish = fc.string({ unit: fc.constantFrom(...words, 'kind', 'PCIAssignment', '---\n', '\t', '%', 'ä') });
  const damaged = fc
    .tuple(fc.nat(LAN.length), fc.nat(20), fc.string({ unit: 'binary', maxLength: 5 }))
    .map(([at, length, insert]) => `${LAN.slice(0, at)}${insert}${LAN.slice(at + length)}${LAN}`);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    yamlish.map(text => Buffer.from(text)),
    damaged.map(text => Buffer.from(text)),
  );

  it('gives objects or problems that lie inside of it, and never an exception', () => {
    fc.assert(
      fc.property(bytes, content => {
        const file = parse(content);
        const lines = new TextDecoder().decode(content).split('\n');
        for (const problem of file.problems) expectInside(problem, lines);
      }),
      { numRuns: 1000 },
    );
  });
});

function expectInside(problem: ManifestProblem, lines: readonly string[]): void {
  expect(problem.line).toBeGreaterThanOrEqual(1);
  expect(problem.line).toBeLessThanOrEqual(lines.length);
  expect(problem.column).toBeGreaterThanOrEqual(1);
  expect(problem.column).toBeLessThanOrEqual((lines[problem.line - 1] ?? '').length + 1);
  expect(formatProblem(problem)).not.toMatch(/[^\P{C}\n]/u);
}

describe('the hash', () => {
  const hash = (text: string): string | undefined => parse(text).assignments[0]?.sourced.hash;
  const object: unknown = {
    apiVersion: 'xenpci.dev/v1alpha1',
    kind: 'PCIAssignment',
    metadata: { name: 'sys-net', labels: { role: 'network', site: 'a' } },
    spec: {
      domain: 'sys-net',
      devices: [
        { name: 'lan', address: '0000:01:00.0', identity: { vendor: '8086', device: '10d3' } },
        { name: 'nics', selector: { class: '0200' }, permissive: true },
      ],
      whenStopped: 'Host',
    },
  };

  it('is the same for any order of keys and any formatting', () => {
    const format = fc.record({
      indent: fc.integer({ min: 2, max: 8 }),
      collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
      defaultKeyType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const),
      defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const),
    });
    const expected = hash(stringify(object));
    fc.assert(
      fc.property(format, fc.infiniteStream(fc.nat()), fc.boolean(), (options, order, comment) => {
        const text = stringify(shuffled(object, order), options);
        expect(hash(`${comment ? '# a comment\n---\n' : ''}${text}`)).toBe(expected);
      }),
    );
  });

  it('is the same for a default that is written out, and another one for anything else', () => {
    const before = hash(LAN);
    expect(before).toBeDefined();
    expect(hash(`${LAN}  suspend: false\n`)).toBe(before);
    const others = [
      `${LAN}  suspend: true\n`,
      LAN.replace('01:00.0', '01:00.1'),
      LAN.replace('name: d0', 'name: d1'),
      LAN.replace('domain: sys-net', 'domain: other'),
    ];
    expect(new Set([before, ...others.map(hash)]).size).toBe(others.length + 1);
  });
});

/** The same object with the keys of each mapping in another order. */
function shuffled(value: unknown, order: Iterator<number>): unknown {
  if (Array.isArray(value)) return value.map(inner => shuffled(inner, order));
  if (typeof value !== 'object' || value === null) return value;
  const keyed = Object.entries(value).map(entry => ({ entry, rank: Number(order.next().value) }));
  keyed.sort((a, b) => a.rank - b.rank);
  return Object.fromEntries(keyed.map(({ entry: [key, inner] }) => [key, shuffled(inner, order)]));
}
