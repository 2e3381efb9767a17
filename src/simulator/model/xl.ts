import { type Address, parseAddress } from '../../api/address.ts';
import { assignableAdd, assignableList, assignableRemove } from './assignable.ts';
import { listEntries } from './backend.ts';
import type { Dom0 } from './dom0.ts';
import type { Domain, DomainSpec, Instance } from './domain.ts';
import { pciAdd, pciRemove } from './libxl.ts';
import type { Outcome } from './libxl-outcome.ts';
import type { Model } from './model.ts';
import { parseXlConfig } from './xl-config.ts';

/** What a run of `xl` leaves behind. */
export interface XlResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of `xl`: its arguments, and how it reads a domain's configuration file. */
export interface XlCall {
  readonly argv: readonly string[];
  readonly readConfig: (path: string) => string;
}

/** The exit that ends a run early, as `exit()` does in xl. */
class XlExit extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

type Command = (model: Model, args: readonly string[], call: XlCall) => XlResult;

/** Runs `xl` against the model. It answers every call, an unknown one too. */
export function runXl(model: Model, call: XlCall): XlResult {
  const [name = '', ...args] = call.argv.filter(argument => !/^-[vfNtT]$/.test(argument));
  const command = COMMANDS.get(name);
  if (command === undefined) return { status: 1, stdout: '', stderr: `command not implemented: ${name}\n` };
  try {
    return command(model, args, call);
  } catch (error) {
    if (error instanceof XlExit) return { status: error.status, stdout: '', stderr: `${error.message}\n` };
    throw error;
  }
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['pci-assignable-add', (model, [bdf]) => ended(assignableAdd(model.dom0, address('pci-assignable-add', bdf)))],
  ['pci-assignable-remove', removeAssignable],
  ['pci-assignable-list', model => printed(assignableList(model.dom0).map(text => `${text}\n`))],
  ['pci-attach', attach],
  ['pci-detach', detach],
  ['pci-list', (model, [who]) => printed(pciList(model.dom0, running(model.dom0, who)))],
  ['create', create],
  ['destroy', (model, [who]) => stopped(model, who, domain => model.destroy(domain.name))],
  ['pause', (model, [who]) => setPaused(model, who, true)],
  ['unpause', (model, [who]) => setPaused(model, who, false)],
  ['reboot', (model, [who]) => stopped(model, who, domain => model.reboot(domain.name))],
  ['shutdown', (model, [who]) => stopped(model, who, domain => model.powerOff(domain.name))],
  ['domid', (model, [who]) => printed([`${running(model.dom0, who).instance?.domid}\n`])],
  ['domname', (model, [who]) => printed([`${running(model.dom0, who).name}\n`])],
  ['list', (model, [who]) => printed(list(model.dom0, who === undefined ? undefined : running(model.dom0, who)))],
  ['info', () => printed(INFO)],
]);

function removeAssignable(model: Model, args: readonly string[]): XlResult {
  const [bdf] = args.filter(argument => argument !== '-r');
  return ended(assignableRemove(model.dom0, address('pci-assignable-remove', bdf), args.includes('-r')));
}

function attach(model: Model, [who, spec = '']: readonly string[]): XlResult {
  const domain = running(model.dom0, who);
  const [bdf, ...options] = spec.split(',');
  const permissive = options.some(option => option.replaceAll(' ', '') === 'permissive=1');
  return ended(pciAdd(model.dom0, domain, address('pci-attach', bdf), permissive));
}

function detach(model: Model, [who, bdf]: readonly string[], { argv }: XlCall): XlResult {
  const domain = running(model.dom0, who);
  return ended(pciRemove(model.dom0, domain, address('pci-detach', bdf), argv.includes('-f')));
}

function create(model: Model, args: readonly string[], call: XlCall): XlResult {
  const [file = '', ...settings] = args.filter(argument => !argument.startsWith('-'));
  const heading = `Parsing config from ${file}\n`;
  const text = file.includes('=') ? file : call.readConfig(file);
  const config = parseXlConfig([text, ...settings].join('\n'));
  if (config === undefined) return { status: 1, stdout: heading, stderr: 'Failed to parse config: name is missing\n' };
  const outcome = runningNames(model.dom0).includes(config.name)
    ? { ok: false, log: [`Domain with name "${config.name}" already exists.`] }
    : model.createByXl(config satisfies DomainSpec);
  return { ...ended(outcome), stdout: heading };
}

function stopped(model: Model, who: string | undefined, end: (domain: Domain) => void): XlResult {
  end(running(model.dom0, who));
  return printed([]);
}

function setPaused(model: Model, who: string | undefined, paused: boolean): XlResult {
  const { instance } = running(model.dom0, who);
  if (instance !== undefined) instance.paused = paused;
  model.dom0.instancesChanged();
  return printed([]);
}

function ended({ ok, log }: Outcome): XlResult {
  return { status: ok ? 0 : 1, stdout: '', stderr: log.map(line => `${line}\n`).join('') };
}

function printed(lines: readonly string[]): XlResult {
  return { status: 0, stdout: lines.join(''), stderr: '' };
}

function address(command: string, bdf = ''): Address {
  const parsed = parseAddress(bdf);
  if (parsed === undefined) throw new XlExit(2, `${command}: malformed BDF specification "${bdf}"`);
  return parsed;
}

/** xl knows every running domain, libvirt's too, by name or number. */
function running(dom0: Dom0, who = ''): Domain {
  const domain = /^\d+$/.test(who)
    ? dom0.byDomid(Number(who))
    : [...dom0.domains.values()].find(({ name, instance }) => name === who && instance !== undefined);
  if (domain === undefined) throw new XlExit(1, `${who} is an invalid domain identifier (rc=-6)`);
  return domain;
}

function runningNames(dom0: Dom0): string[] {
  return [...dom0.domains.values()].filter(({ instance }) => instance !== undefined).map(({ name }) => name);
}

/** For PV guests xl prints slot 00.0 for every device. */
function pciList(dom0: Dom0, domain: Domain): string[] {
  const domid = domain.instance?.domid ?? -1;
  const rows = listEntries(dom0.store, domid).map((device, index) => {
    const text = dom0.store.read(`/local/domain/0/backend/pci/${domid}/0/vdevfn-${index}`) ?? '0';
    const slot = Number.parseInt(text, 16);
    return `${(slot >> 3).toString(16).padStart(2, '0')}.${slot & 7} ${device}\n`;
  });
  return rows.length === 0 ? [] : ['Vdev Device\n', ...rows];
}

function list(dom0: Dom0, only: Domain | undefined): string[] {
  const row = (name: string, domid: number, state: string): string =>
    `${name.padEnd(40)} ${String(domid).padStart(5)}   256     1     ${state}       1.0\n`;
  const chosen = only === undefined ? [...dom0.domains.values()] : [only];
  const guests = chosen.flatMap(({ name, instance }) =>
    instance === undefined ? [] : [row(name, instance.domid, stateOf(instance))],
  );
  const heading = `${'Name'.padEnd(40)} ${'ID'.padStart(5)}   Mem VCPUs\tState\tTime(s)\n`;
  return only === undefined ? [heading, row('Domain-0', 0, 'r-----'), ...guests] : [heading, ...guests];
}

function stateOf({ paused, crashed }: Instance): string {
  if (crashed) return '---sc-';
  return paused ? '--p---' : '-b----';
}

const INFO: readonly string[] = [
  'virt_caps              : pv hvm hvm_directio pv_directio\n',
  'xen_major              : 4\n',
  'xen_minor              : 17\n',
  'xen_extra              : .5\n',
  'xen_version            : 4.17.5\n',
  'xen_commandline        : placeholder\n',
];
