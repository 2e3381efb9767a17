import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../../src/cli/program.ts';
import { XmlError } from '../../../src/host/libvirt/xml.ts';
import { readStarting } from '../../../src/host/start/starting-domain.ts';
import { OBEYED, quietShell } from '../quiet-shell.ts';
import { promise, type Target, texts, unlessRefused, type Verdict } from '../target.ts';
import { emptyDom0 } from '../temp.ts';

const PLAIN = `<domain type='xen'><name>plain</name><uuid>6f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a01</uuid>
<os><type machine='xenpv'>linux</type></os><devices/></domain>`;
const RED = PLAIN.replaceAll('plain', 'red').replace(
  '<devices/>',
  `<devices><hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/>
<source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>
<alias name='ua-xenpci-0000-01-00-0'/></hostdev></devices>`,
);
const MANIFEST = `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: red}
spec: {domain: red, devices: [{name: lan, address: "0000:01:00.0"}]}
`;

/** Words of the command line, a NUL between them, and after an empty one standard input. */
const input = (words: readonly string[], stdin: string): string => `${words.join('\0')}\0\0${stdin}`;

/** The hook as libvirt calls it, on a host on which nothing can be seen: what concerns a device must be refused there. */
export const hook: Target = {
  name: 'hook',
  about:
    "libvirt's hook: arguments and a definition; one printable line says why, and no device goes to a guest unseen",
  seeds: texts(
    input(['plain', 'prepare', 'begin', '-'], PLAIN),
    input(['red', 'release', 'end', '-'], RED),
    input(['plain', 'start', 'begin', '-'], PLAIN),
  ),
  dictionary: [
    ...[
      '\0',
      '\0\0',
      'prepare',
      'release',
      'red',
      'plain',
      '--',
      '--timeout',
      '--caller',
      '-',
      '\x1b[2J',
      '\u202e',
      '\n',
      '../',
    ],
    ...[
      '<domain>',
      '<name>red</name>',
      '<hostdev',
      RED,
      "mode='subsystem'",
      "type='pci'",
      '</domain>',
      '<uuid>',
      '<devices>',
    ],
  ],
  heavy: function* () {
    yield Buffer.from(input(['red', 'prepare', 'begin', '-'], RED));
    yield Buffer.from(input(['red', 'prepare', 'begin', '-'], 'x'.repeat(2_000_000)));
    yield Buffer.from(input(['x'.repeat(100_000), 'release', 'end', '-'], ''));
    yield Buffer.from(input(['red', 'prepare', 'begin', '-'], `${RED}<!-- ${'-'.repeat(500_000)}`));
  },
  quick: 150,
  full: 30_000,
  async open() {
    const { layout, remove } = emptyDom0();
    writeFileSync(join(layout.manifests, 'red.yaml'), MANIFEST);
    writeFileSync(join(layout.root, 'etc/hostname'), 'alpha\n');
    return {
      async run(bytes): Promise<Verdict> {
        const text = bytes.toString('utf8');
        const gap = text.indexOf('\0\0');
        const words = (gap === -1 ? text : text.slice(0, gap)).split('\0').slice(0, 8);
        const stdin = gap === -1 ? '' : text.slice(gap + 2);
        const shell = quietShell(layout.root, Buffer.from(stdin));
        // Nothing waits here, so no time is needed; a name that looks like an option must not become one.
        const code = await runProgram(['hook', '--timeout', '5', '--', ...words], shell);
        const said = shell.err();
        promise(!OBEYED.test(said), `a terminal would obey: ${JSON.stringify(said)}`);
        promise(!/\n {4}at /.test(said), `a defect: ${said}`);
        if (code === 1) promise(/^(?:xenpci: [^\n]+\n)+$/.test(said), `refused without a sentence: ${said}`);
        if (words[1] === 'prepare' && wantsDevices(stdin)) promise(code !== 0, 'a guest gets what was not looked at');
        return code === 0 ? 'accepted' : 'refused';
      },
      close: remove,
    };
  },
};

/** Whether the definition is one of a domain that has devices, or that a manifest gives some. */
function wantsDevices(xml: string): boolean {
  const starting = unlessRefused([XmlError], () => readStarting(xml));
  if (starting === undefined) return xml.includes('<hostdev');
  return starting.hostdevs.length > 0 || starting.name === 'red';
}
