import { describe, expect, test } from 'vitest';
import type { Comparison } from '../../../src/cli/boot-hide/boot-hide.ts';
import { bootHideCheck } from '../../../src/cli/doctor/boot.ts';
import { mendText } from '../../../src/cli/doctor/check.ts';
import { diagnose } from '../../../src/cli/doctor/doctor.ts';
import { domainChecks } from '../../../src/cli/doctor/domains.ts';
import { filesCheck, manifestsCheck, stateCheck } from '../../../src/cli/doctor/files.ts';
import { hostChecks } from '../../../src/cli/doctor/host.ts';
import type { Examination } from '../../../src/host/index.ts';
import type { ObservedDomain } from '../../../src/plan/observed.ts';
import { emptyFolder } from '../../../src/source/problem.ts';
import { address } from '../../world.ts';

const FINE: Examination = {
  xen: { found: true },
  xl: { found: { version: '4.17.5', iommu: { state: 'present' }, quarantine: 'on' } },
  xenstore: { found: true },
  pciback: { found: true },
  libvirt: { found: { major: 11, minor: 3, release: 0 } },
  virtxend: { found: false },
  hook: { found: { files: [{ path: '/hook', executable: true }], called: true } },
  state: { found: undefined },
  pciIds: { found: '/usr/share/misc/pci.ids' },
};

const CONF = '/etc/modprobe.d/xenpci.conf';
const HOOK = { from: '/usr/share/xenpci/libvirt/xenpci-hook', to: '/etc/libvirt/hooks/libxl.d/xenpci' };

/** What is not ok, as `name result mend`. */
function complaints(change: Partial<Examination>): string[] {
  return hostChecks({ ...FINE, ...change }, HOOK)
    .filter(({ result }) => result !== 'ok')
    .map(({ name, result, mend }) =>
      [name, result, ...(mend === undefined ? [] : [mendText(mend).split(' ')[0]])].join(' '),
    );
}

describe('the host', () => {
  test.each<[string, Partial<Examination>, string[]]>([
    ['nothing is wrong', {}, []],
    ['no dom0', { xen: { found: false } }, ['xen failure apt']],
    ['pciback is not loaded', { pciback: { found: false } }, ['pciback failure modprobe']],
    ['xenstored is gone', { xenstore: { unknown: 'refused' } }, ['xenstore failure systemctl']],
    ['libvirtd is gone', { libvirt: { unknown: 'refused' } }, ['libvirt failure apt']],
    [
      'libvirtd found no Xen when it started',
      { libvirt: { unknown: 'internal error: libxenlight state driver is not active' } },
      ['libvirt failure systemctl'],
    ],
    ['a version nobody tried', { libvirt: { found: { major: 11, minor: 30, release: 0 } } }, ['libvirt warning']],
    ['no xl', { xl: { unknown: 'no such file' } }, ['xl failure apt', 'iommu warning', 'quarantine warning']],
    [
      'the hook was never called',
      { hook: { found: { files: [{ path: '/h', executable: true }], called: false } } },
      ['hook warning systemctl'],
    ],
    [
      'the hook cannot be executed',
      { hook: { found: { files: [{ path: '/h', executable: false }], called: true } } },
      ['hook warning chmod'],
    ],
    ['no hook, although one was called', { hook: { found: { files: [], called: true } } }, ['hook warning install']],
    ['no names', { pciIds: { found: undefined } }, ['pci.ids warning apt']],
  ])('%s', (_, change, expected) => {
    expect(complaints(change)).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['4.17', []],
    ['4.17.99', []],
    ['4.170.1', ['xl warning']],
    ['4.18.0', ['xl warning']],
  ])('Xen %s', (version, expected) => {
    expect(complaints({ xl: { found: { version, iommu: { state: 'present' }, quarantine: 'on' } } })).toEqual(expected);
  });

  test('an IOMMU that is missing or unknown is a failure, no quarantine a warning', () => {
    const xl = { version: '4.20.1', iommu: { state: 'absent' }, quarantine: 'off' } as const;
    expect(complaints({ xl: { found: xl } })).toEqual(['iommu failure switch', 'quarantine warning take']);
    const unknown = { ...xl, iommu: { state: 'unknown', why: 'no answer' }, quarantine: 'on' } as const;
    expect(complaints({ xl: { found: unknown } })).toEqual(['iommu failure']);
  });

  test('where virtxend answers at a socket of its own, its proxy is what is missing', () => {
    const checks = hostChecks({ ...FINE, libvirt: { unknown: 'refused' }, virtxend: { found: true } }, HOOK);
    const mend = checks.find(({ name }) => name === 'libvirt')?.mend;
    expect(mend?.commands).toEqual(['systemctl enable --now virtproxyd.socket']);
  });
});

/** A folder of manifests that is as it should be. */
const THERE = { found: [{ path: '/m', owner: { uid: 0, gid: 0, mode: 0o755, isFolder: true } }] };

describe('files', () => {
  const file = (path: string, mode: number, uid = 0, isFolder = false, gid = 50) => {
    return { path, owner: { uid, gid, mode, isFolder } };
  };
  test.each<[string, ReturnType<typeof file>[], string, string?]>([
    ['root alone', [file('/m', 0o755, 0, true), file('/m/a', 0o644)], 'ok'],
    ['a group may write to the folder', [file('/m', 0o775, 0, true)], 'failure', 'chmod -R go-w /m'],
    ["root's own group may write to the folder", [file('/m', 0o775, 0, true, 0)], 'ok'],
    ['everybody may write to a file', [file('/m', 0o755, 0, true), file('/m/a', 0o646)], 'failure', 'chmod -R go-w /m'],
    ['a file of a user', [file('/m', 0o755, 0, true), file('/m/a', 0o644, 1000)], 'warning', 'chown -R root: /m'],
    ['no folder', [file('/m', 0o644)], 'failure'],
  ])('%s', (_, files, result, mend) => {
    expect(filesCheck({ found: files })).toMatchObject({ result, ...(mend && { mend: { commands: [mend] } }) });
  });

  test('a folder that is not there is told by the manifests, not here', () => {
    expect(filesCheck({ found: [{ path: '/m', owner: undefined }] }).result).toBe('ok');
  });

  test('state that others may write is a failure; none yet is not', () => {
    expect(stateCheck('/s', { found: undefined }).result).toBe('ok');
    expect(stateCheck('/s', { found: { uid: 0, gid: 0, mode: 0o700, isFolder: true } }).result).toBe('ok');
    expect(stateCheck('/s', { found: { uid: 0, gid: 0, mode: 0o770, isFolder: true } }).result).toBe('failure');
    expect(stateCheck('/s', { found: { uid: 0, gid: 0, mode: 0o600, isFolder: false } }).result).toBe('failure');
  });

  test('manifests: an empty folder is a warning, anything else a failure at its place', () => {
    const problem = { line: 0, column: 0, field: '', excerpt: '', message: 'is bad' };
    const empty = emptyFolder('/m');
    expect(manifestsCheck('/m', { found: [{ path: '/m', owner: undefined }] }, { found: [] })).toEqual({
      name: 'manifests',
      result: 'failure',
      message: '/m is not there',
      mend: { commands: ['install -d -m 755 /m'] },
    });
    expect(manifestsCheck('/m', THERE, { found: [] }).result).toBe('ok');
    expect(manifestsCheck('/m', THERE, { found: [empty] }).result).toBe('warning');
    expect(manifestsCheck('/m', THERE, { found: [{ ...empty, file: '/m/a.yaml', message: 'is empty' }] }).result).toBe(
      'failure',
    );
    const two = manifestsCheck('/m', THERE, {
      found: [{ ...problem, code: 'Unreadable', file: '/m/a.yaml', line: 3 }, empty],
    });
    expect(two).toMatchObject({ result: 'failure', message: '/m/a.yaml:3: is bad (and 1 more)' });
    // Its message has the command; validate, which reads anybody's files, has nothing to say.
    const distrusted = { ...problem, code: 'NotTrusted', file: '/m/a.yaml', message: 'is bad: chmod go-w /m' } as const;
    expect(manifestsCheck('/m', THERE, { found: [distrusted] })).toEqual({
      name: 'manifests',
      result: 'failure',
      message: '/m/a.yaml: is bad: chmod go-w /m',
    });
  });
});

test.each<[string, { pid: number; hasLooked: boolean } | undefined, string]>([
  ['none', undefined, 'warning: no controller runs: nothing is kept where the manifests say'],
  ['one that works', { pid: 7, hasLooked: true }, 'ok: runs as process 7'],
  [
    'one that waits for libvirt, say',
    { pid: 7, hasLooked: false },
    'warning: runs as process 7, and could not look at the host yet: mend what failed above',
  ],
])('the controller: %s', (_, controller, expected) => {
  const unknown = { unknown: 'not asked' };
  const found = {
    host: FINE,
    hook: HOOK,
    root: true,
    folder: '/m',
    files: THERE,
    state: { path: '/s', owner: unknown },
    problems: { found: [] },
    controller: { found: controller },
    domains: unknown,
    bootHide: unknown,
    modprobeConf: CONF,
  };
  const check = diagnose(found).find(({ name }) => name === 'controller');
  expect(`${check?.result}: ${check?.message}`).toBe(expected);
});

describe('domains', () => {
  const red: ObservedDomain = {
    name: 'red',
    uuid: 'u',
    domid: 1,
    state: 'running',
    toolstack: 'libvirt',
    persistent: true,
    type: 'pv',
    passthrough: 'on',
    live: [],
  };
  const { domid: _, ...off } = { ...red, state: 'shutoff' } as const;
  test.each<[string, ObservedDomain | undefined, string, string[]?]>([
    ['runs with passthrough', red, 'ok'],
    ['runs without', { ...red, passthrough: 'off' }, 'warning', ['virsh shutdown red', 'virsh start red']],
    ['was made by xl without', { ...red, passthrough: 'off', toolstack: 'xl' }, 'warning'],
    ['is PVH', { ...red, type: 'pvh' }, 'failure'],
    ['is not known', undefined, 'warning'],
    ['is off and not set', { ...off, stored: { hostdevs: [], passthrough: false } }, 'warning'],
    ['is off and set', { ...off, stored: { hostdevs: [], passthrough: true } }, 'ok'],
  ])('that %s', (_text, domain, result, mend) => {
    const [check] = domainChecks({ found: [{ name: 'red', domain }] });
    expect(check).toMatchObject({ name: 'domain/red', result, ...(mend && { mend: { commands: mend } }) });
  });

  test('that could not be looked at are not called sound', () => {
    expect(domainChecks({ unknown: 'no xenstored\nadvice' })).toEqual([
      { name: 'domains', result: 'warning', message: 'not checked: no xenstored' },
    ]);
    expect(bootHideCheck({ unknown: 'no xenstored' }, CONF).result).toBe('warning');
  });
});

describe('what is hidden at boot', () => {
  const setting = (where: Comparison['where'], change: Partial<Comparison> = {}): Comparison => {
    return { where, source: where, text: '', same: true, rejected: false, missing: [], surplus: [], ...change };
  };
  const A = address('0000:01:00.0');
  const judged = (settings: Comparison[], same = false, hide = [A]) =>
    bootHideCheck({ found: { hide, leftOut: [], text: '', drivers: [], settings, same } }, CONF);
  const WRITE = [`xenpci boot-hide -o modprobe >${CONF}`, 'update-initramfs -u'];

  test.each<[string, Comparison[], string, object]>([
    ['nothing says so', [], `at boot dom0's drivers take first what is assigned: ${A}`, { commands: WRITE }],
    [
      'a file has another device',
      [setting('modprobe', { same: false, missing: [A], surplus: ['0000:02:00.0'] })],
      `at boot dom0's drivers take first what is assigned: ${A}; hidden at boot is what no assignment wants: 0000:02:00.0`,
      { commands: WRITE },
    ],
    [
      'the file is right, and the module was loaded before',
      [setting('modprobe'), setting('module', { same: false, missing: [A] })],
      'the next boot hides what it should; the loaded module was told otherwise',
      { words: 'restart dom0 when it suits' },
    ],
    [
      "the kernel's command line is another, which no file mends",
      [setting('cmdline', { same: false, missing: [A] })],
      `at boot dom0's drivers take first what is assigned: ${A}`,
      { commands: ['xenpci boot-hide'] },
    ],
  ])('%s', (_, settings, message, mend) => {
    expect(judged(settings)).toEqual({ name: 'boot-hide', result: 'warning', message, mend });
  });

  test('as it should be is ok; what the kernel rejects is a failure', () => {
    expect(judged([setting('modprobe')], true)).toMatchObject({ result: 'ok' });
    expect(judged([setting('modprobe', { same: false, rejected: true })]).result).toBe('failure');
  });
});
