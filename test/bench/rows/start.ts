import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { manifestOf } from '../manifest.ts';
import { type Line, measure, type Other, type Question } from '../measure.ts';
import { PROGRAM, runToEnd } from '../program.ts';
import type { Row } from '../row.ts';
import { BenchController, BenchHost } from '../simulated.ts';

const ROUNDS = 15;
const VIRSH = '/usr/bin/virsh';
/** A domain without devices, as libvirt passes it to the hook. */
const DEFINITION = `<domain type='xen' id='7'><name>plain</name>
<uuid>6f6c1ad1-3c7c-4f4a-9a05-0a4f2b8f7a01</uuid><os><type>linux</type></os><devices/></domain>`;

/** The start of the program, beside that of Node itself. */
export const start: Row = {
  name: 'start',
  title: 'start of the program',
  async measure() {
    const host = await BenchHost.start(undefined, { operations: {}, settle: 10 });
    try {
      host.save('sys-net.yaml', manifestOf('sys-net', []));
      return [...(await alone(host)), await served(host)];
    } finally {
      await host.end();
    }
  },
};

type Asked = Pick<Question, 'what' | 'run' | 'goal' | 'peer' | 'note'>;

async function alone(host: BenchHost): Promise<Line[]> {
  const lines: Line[] = [];
  const questions: Asked[] = [
    { what: '`xenpci --help`', run: program(host, ['--help']), goal: { floor: 3 } },
    {
      what: '`xenpci get devices`, without a controller',
      run: program(host, ['get', 'devices']),
      ...virshList(host),
      goal: { floor: 3 },
    },
    {
      what: "`xenpci hook`, a domain's start with nothing to bind",
      run: program(host, ['hook', 'plain', 'prepare', 'begin', '-'], DEFINITION),
      goal: { floor: 3 },
    },
  ];
  for (const question of questions) lines.push(await besideNode(question));
  return lines;
}

async function served(host: BenchHost): Promise<Line> {
  const controller = new BenchController(host);
  try {
    await controller.logged(({ event }) => event === 'Ready');
    const run = program(host, ['get', 'devices']);
    return await besideNode({ what: '`xenpci get devices`, from the controller', run, goal: { floor: 3 } });
  } finally {
    await controller.end();
  }
}

function besideNode(question: Asked): Promise<Line> {
  const floor = { name: 'node -e 0', run: () => runToEnd(process.execPath, ['-e', '0']) };
  return measure({ ...question, floor, unit: 'ms', rounds: ROUNDS });
}

function program({ dom0 }: BenchHost, args: readonly string[], input?: string): () => Promise<void> {
  const line = [PROGRAM, '--root', dom0.layout.root, ...args];
  return () => runToEnd(process.execPath, line, input === undefined ? {} : { input });
}

/** Asks the same libvirtd, which knows no device's driver or place. */
function virshList({ dom0 }: BenchHost): Pick<Question, 'peer' | 'note'> {
  if (!existsSync(VIRSH)) return { note: 'the peer, `virsh list`, is absent: libvirt-clients is not installed' };
  const args = ['-q', '-c', `xen+unix:///system?socket=${dom0.layout.libvirtSocket}`, 'list', '--all'];
  const run = async (): Promise<void> => {
    // It ends with a complaint about a reference that it has lost itself, and says so on standard error.
    const child = spawn(VIRSH, args, { stdio: 'ignore' });
    const code = await new Promise(resolve => child.once('close', resolve));
    if (code !== 0) throw new Error(`virsh list ended with ${code}`);
  };
  const peer: Other = { name: '`virsh list`', run };
  return { peer };
}
