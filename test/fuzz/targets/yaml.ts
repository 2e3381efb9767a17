import { parseAllDocuments } from 'yaml';
import type { ManifestProblem } from '../../../src/api/manifest.ts';
import { checkManifest, type ManifestObject } from '../../../src/api/schema.ts';
import { writtenForm } from '../../../src/api/written-form.ts';
import { DOCUMENTS_MAX, PROBLEMS_MAX } from '../../../src/source/limits.ts';
import { type ManifestFile, parseManifestFile } from '../../../src/source/manifest-file.ts';
import { formatProblem } from '../../../src/source/problem.ts';
import { promise, same, type Target, texts, type Verdict } from '../target.ts';

const FILE = 'm.yaml';

const FULL = `# a card
apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: sys-net, labels: {role: network}}
spec:
  domain: sys-net
  devices:
    - name: lan
      address: 0000:03:00.0
      identity: {vendor: "8086", device: "15b8", class: "0200"}
      permissive: true
      sharing: FirstStarted
    - name: disk
      path: 00_1c.0/00_00.0
      whenMissing: Ignore
    - {name: rest, selector: {class: '0200'}, reset: BestEffort}
  updatePolicy: OnNextStart
  deletionPolicy: Host
  suspend: false
  hosts: [alpha, "beta*"]
---
apiVersion: xenpci.dev/v1alpha1
kind: PCIHostPolicy
metadata: {name: host}
spec:
  protectedDevices: [{address: 0000:00:1f.2}]
  allow: [BootDisplay]
  maxDetachesPerPass: 3
  guestUnbind: {command: [/bin/let-go, "{domain}"], timeoutSeconds: 30}
`;

const ANCHORED = `a: &x 1
apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: &m {name: &n media}
spec: {domain: *n, devices: [{name: a, address: "05:00.0"}]}
`;

const GOOD_ANCHORED = ANCHORED.replace('a: &x 1\n', '');

const JSON_FORM = JSON.stringify({
  apiVersion: 'xenpci.dev/v1alpha1',
  kind: 'PCIAssignment',
  metadata: { name: 'json' },
  spec: { domain: { uuid: '6f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a01' }, devices: [] },
});

/** One manifest file, as its bytes. */
export const yamlManifests: Target = {
  name: 'yaml',
  about: 'manifest files: never throws, problems are printable and at their place, what is taken is what YAML says',
  seeds: texts(FULL, GOOD_ANCHORED, JSON_FORM, '# nothing\n'),
  dictionary: [
    ...[
      '---\n',
      '...\n',
      '- ',
      '? ',
      ': ',
      ': |\n',
      ': >-\n',
      '{',
      '}',
      '[',
      ']',
      ',',
      '#',
      '"',
      "'",
      '\\',
      '\n',
      '\r\n',
    ],
    ...[
      '&a ',
      '*a',
      '<<: ',
      '<<: *a',
      '!!str ',
      '!!binary ',
      '!!merge ',
      '!t ',
      '%YAML 1.1\n',
      '%TAG ! x\n',
      '@',
      '`',
      '\t',
      '~',
    ],
    ...[
      'null',
      'true',
      'yes',
      '0o7',
      '0x1f',
      '1_000',
      '.inf',
      '.nan',
      '2001-01-01',
      '\ufeff',
      '\u2028',
      '\u0085',
      '\0',
      '\x1b[2J',
    ],
    ...[
      '\xff',
      '\xed\xa0\x80',
      '__proto__',
      'constructor',
      'toString',
      'name: ',
      'address: ',
      'selector: ',
      'path: ',
      'identity: ',
    ],
    ...[
      'domain: ',
      'devices: ',
      'spec: ',
      'metadata: ',
      'kind: ',
      'labels: ',
      'annotations: ',
      'hosts: ',
      'uuid: ',
      'Domain-0',
    ],
  ],
  heavy,
  quick: 1_000,
  full: 1_000_000,
  open: () => ({
    run(input): Verdict {
      const file = parseManifestFile(FILE, input);
      for (const problem of file.problems) problemIsSound(problem, file.text);
      promise(file.problems.length <= PROBLEMS_MAX + 1, 'more problems than are shown');
      if (file.problems.length > 0) return 'refused';
      const objects = [
        ...file.assignments.map(each => each.sourced.assignment),
        ...file.policies.map(each => each.policy),
      ];
      for (const object of objects) staysItself(object);
      sameAsParsed(file, objects.length);
      same(parseManifestFile(FILE, Buffer.from(file.text)), file, 'what is kept of a file reads differently');
      return 'accepted';
    },
  }),
};

function* heavy(): Generator<Buffer> {
  const bomb = Array.from({ length: 30 }, (_, level) => `a${level}: &a${level} [${`*a${level - 1},`.repeat(9)}]`);
  yield Buffer.from(['a: &a-1 [lol]', ...bomb].join('\n'));
  yield Buffer.from(`a: &a {<<: *a, b: *a}\n`);
  for (const open of [
    '{',
    '[',
    '- ',
    '? ',
    '{a: ',
    '"',
    "'",
    '!',
    '&a ',
    '*a ',
    '|',
    '>',
    '#',
    '%',
    '\t',
    '---\n',
    'a:\n ',
  ]) {
    yield Buffer.from(open.repeat(Math.floor(1_000_000 / open.length)));
  }
  yield Buffer.from(`a: "${'\\u00e9'.repeat(150_000)}"`);
  yield Buffer.from(`a: |\n${'  x\n'.repeat(250_000)}`);
  yield Buffer.from(`a: ${'x'.repeat(1_000_000)}`);
  yield Buffer.from(`${' '.repeat(1_000_000)}a: b`);
  yield Buffer.from(Array.from({ length: 20_000 }, (_, index) => `k${index}: v`).join('\n'));
  yield Buffer.from(Array.from({ length: 200 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'));
  const entries = Array.from({ length: 257 }, (_, index) => `    - {name: d${index}, address: "00:00.0"}`);
  yield Buffer.from(`${FULL.split('    - name: lan')[0]}${entries.join('\n')}\n`);
  yield Buffer.from(GOOD_ANCHORED.concat('---\n').repeat(DOCUMENTS_MAX + 1));
  yield Buffer.alloc(1_048_576, 0xff);
  yield Buffer.alloc(1_048_576);
  yield Buffer.from('\ud800'.repeat(10), 'utf16le');
}

/** Printable on one line, at a place in the file. */
function problemIsSound(problem: ManifestProblem, text: string): void {
  const lines = formatProblem(problem).split('\n');
  promise(lines.length <= 3, 'a problem takes more than a line and its excerpt');
  for (const line of lines)
    promise(
      !/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(line),
      `unprintable: ${JSON.stringify(line)}`,
    );
  promise(problem.line >= 1 && problem.column >= 1, 'a problem at no place');
  if (text !== '') promise(problem.line <= text.split('\n').length, 'a problem behind the end of the file');
  promise(problem.message.length < 1_000, `a message of ${problem.message.length} characters`);
}

/** An object, written as a user would, is the same object. */
function staysItself(object: ManifestObject): void {
  const again = checkManifest(JSON.parse(JSON.stringify(writtenForm(object))));
  promise(again.ok, `an object that was taken is refused when it is written: ${JSON.stringify(object)}`);
  if (again.ok) same(again.object, object, 'an object that was taken is another one when it is written');
}

/** The library's own reading, with all its checks, has nothing to say against the file, and as many objects. */
function sameAsParsed(file: ManifestFile, objects: number): void {
  const documents = parseAllDocuments(file.text, { version: '1.2', schema: 'core', uniqueKeys: true, strict: true });
  if (!Array.isArray(documents)) {
    promise(objects === 0, 'objects of an empty stream');
    return;
  }
  const errors = documents.flatMap(each => [...each.errors, ...each.warnings]);
  promise(errors.length === 0, `YAML has something against it: ${errors[0]?.message}`);
  const values = documents.map(each => each.toJS({ mapAsMap: true }) as unknown).filter(value => value !== null);
  promise(values.length === objects, `${values.length} documents with content, ${objects} objects`);
  const names = values.map(value => nameOf(value)).sort();
  const taken = [
    ...file.assignments.map(({ sourced }) => sourced.assignment),
    ...file.policies.map(({ policy }) => policy),
  ];
  same(taken.map(({ metadata }) => metadata.name).sort(), names, 'objects of other names');
}

/** `metadata.name`, whatever there may be. */
function nameOf(document: unknown): unknown {
  const metadata = document instanceof Map ? document.get('metadata') : undefined;
  return metadata instanceof Map ? metadata.get('name') : undefined;
}
