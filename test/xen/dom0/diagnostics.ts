/** What one wants to know about dom0 when a test has failed. */
import { readdir, readFile } from 'node:fs/promises';
import { run } from './exec.ts';
import { productLog } from './product.ts';

/** Characters kept of each log. */
const TAIL = 8_000;

/** One text with the state of the host and the ends of all logs. What cannot be had says why, in its place. */
export async function diagnose(): Promise<string> {
  const guests = (await run('virsh', ['-q', 'list', '--all', '--name'])).stdout.split('\n').filter(Boolean);
  const sections = [
    ...(await Promise.all([
      command('xl', 'list'),
      command('virsh', '-q', 'list', '--all'),
      command('xl', 'pci-assignable-list'),
      command('xenstore-ls', '-f', '/local/domain/0/backend/pci'),
      command('xenstore-ls', '-f', '/libxl/pci'),
      command('lspci', '-nnk'),
      ...guests.map(guest => command('virsh', '-q', 'dumpxml', guest)),
      ...guests.map(guest => command('virsh', '-q', 'dumpxml', '--inactive', guest)),
      command('dmesg'),
      command('journalctl', '-b', '-o', 'short-monotonic', '-u', 'xenpci', '-u', 'libvirtd', '-u', 'xen', '--no-pager'),
    ])),
    section('xenpci', await productLog()),
    ...(await logs('/var/log/xen/console')),
    ...(await logs('/var/log/libvirt/libxl')),
    ...(await logs('/var/log/xen')),
  ];
  return sections.join('\n');
}

async function command(program: string, ...args: string[]): Promise<string> {
  const text = await run(program, args, 30_000).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: unknown) => String(error),
  );
  return section([program, ...args].join(' '), text);
}

async function logs(folder: string): Promise<string[]> {
  const names = await readdir(folder, { withFileTypes: true });
  const files = names.filter(name => name.isFile()).map(name => `${folder}/${name.name}`);
  return Promise.all(files.map(async file => section(file, await readFile(file, 'utf8'))));
}

function section(title: string, text: string): string {
  return `======== ${title}\n${text.slice(-TAIL)}`;
}
