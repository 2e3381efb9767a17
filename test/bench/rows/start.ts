import { simulatedHost } from '../../golden/simulated-host.ts';
import { type Line, measure, type Question } from '../measure.ts';
import { PROGRAM, runToEnd } from '../program.ts';
import type { Row } from '../row.ts';

const ROUNDS = 15;
/** A domain without devices, as libvirt passes it to the hook. */
const DEFINITION = `<domain type='xen' id='7'><name>plain</name>
<uuid>6f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a01</uuid><os><type>linux</type></os><devices/></domain>`;

/** The start of the program, beside that of Node itself. */
export const start: Row = {
  name: 'start',
  title: 'start of the program',
  async measure() {
    const host = await simulatedHost();
    host.write(
      'sys-net.yaml',
      `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: sys-net}
spec:
  domain: sys-net
  devices: [{name: lan, address: 0000:03:00.0}]
`,
    );
    try {
      const bare = { name: 'node -e 0', run: () => runToEnd(process.execPath, ['-e', '0']) };
      const program = (args: readonly string[], input?: string) => (): Promise<void> =>
        runToEnd(process.execPath, [PROGRAM, '--root', host.root, ...args], input === undefined ? {} : { input });
      const questions: Pick<Question, 'what' | 'run' | 'goal'>[] = [
        { what: '`xenpci --help`', run: program(['--help']), goal: { floor: 3 } },
        { what: '`xenpci get devices`, without a controller', run: program(['get', 'devices']), goal: { floor: 3 } },
        {
          what: "`xenpci hook`, a domain's start with nothing to bind",
          run: program(['hook', 'plain', 'prepare', 'begin', '-'], DEFINITION),
          goal: { floor: 3 },
        },
      ];
      const lines: Line[] = [];
      for (const question of questions) {
        lines.push(await measure({ ...question, floor: bare, unit: 'ms', rounds: ROUNDS }));
      }
      return lines;
    } finally {
      await host.end();
    }
  },
};
