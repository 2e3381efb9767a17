import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { readLiveStatus, StatusFile } from '../../src/daemon/status-file.ts';
import { DEFAULT_WORLD, observe, runXl } from '../../src/simulator/index.ts';
import { address } from '../world.ts';
import { inOneLine, run } from './on-screen.ts';
import { type SimulatedHost, simulatedHost } from './simulated-host.ts';

let host: SimulatedHost;

beforeAll(async () => {
  host = await simulatedHost();
  host.write('net.yaml', manifest('sys-net', 'sys-net', ['lan: 0000:01:00.0']));
  host.write('media.yaml', manifest('media', 'media', ['uplink: 0000:05:00.0']));
  host.write('legacy.yaml', manifest('legacy', 'legacy', ['nic: 0000:03:00.0', 'old: 0000:00:1a.0']));
  host.write(
    'two.yaml',
    `${manifest('one', 'storage', ['disk: 0000:02:00.0', 'gone: 0000:99:00.0'])}---\n${manifest('two', 'nobody', ['disk: 0000:02:00.0', 'card: 0000:06:00.0'])}`,
  );
});

afterAll(() => host.end());

function manifest(name: string, domain: string, devices: readonly string[]): string {
  const entries = devices.map(device => {
    const [entry = '', ...at] = device.split(': ');
    return `    - {name: ${entry}, address: "${at.join('')}"}\n`;
  });
  return `apiVersion: xenpci.dev/v1alpha1\nkind: PCIAssignment\nmetadata: {name: ${name}}\nspec:\n  domain: ${domain}\n  devices:\n${entries.join('')}`;
}

async function screen(...args: string[]): Promise<string> {
  const { code, out, err } = await run(args, { env: { XENPCI_ROOT: host.root } });
  return host.golden(`${out}${err}exit code ${code}\n`);
}

describe('before', () => {
  test('plan says what would be done and why, and does not do it', async () => {
    const before = observe(host.dom0.model);
    expect(await screen('plan')).toMatchInlineSnapshot(`
      "domain sys-net
        because:       assignment sys-net is for it
                       (/m/net.yaml:1)
        steps:         1. configure sys-net: add 0000:01:00.0

      domain storage
        because:       assignment one is for it
                       (/m/two.yaml:1)
        steps:         1. configure storage: add 0000:99:00.0

      domain media
        because:       assignment media is for it
                       (/m/media.yaml:1)
        steps:         1. configure media: add 0000:05:00.0, enable PCI passthrough

      domain legacy
        because:       assignment legacy is for it
                       (/m/legacy.yaml:1)
        steps:         1. configure legacy: add 0000:03:00.0, enable PCI passthrough

      0000:00:1a.0  Intel Corporation 82540EM Gigabit Ethernet Controller
        because:       legacy/old wants it for legacy
                       (/m/legacy.yaml:8)
        is:            host (driver e1000)
        refused:       NoReset: 0000:00:1a.0 has no reset (FLR, power management or
                       bus); set reset: BestEffort to give it away unreset

      0000:01:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       sys-net/lan wants it for sys-net
                       (/m/net.yaml:7)
        is:            host (driver e1000e)
        should be:     guest sys-net
        steps:         1. bind 0000:01:00.0 to pciback
                       2. attach 0000:01:00.0 to sys-net

      0000:02:00.0  Red Hat, Inc. QEMU NVM Express Controller
        because:       one/disk wants it for storage
                         (/m/two.yaml:7)
                       two/disk wants it for nobody
                         (/m/two.yaml:16)
        is:            host (driver nvme)
        refused:       Conflict: 0000:02:00.0 is also named by two/disk
                       (/m/two.yaml:16); remove
                       it from all but one

      0000:03:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       legacy/nic wants it for legacy
                       (/m/legacy.yaml:7)
        is:            host (driver e1000e)
        should be:     assignable
        waits:         NeedsRestart: legacy was started without PCI passthrough; stop
                       and start it
        steps:         1. bind 0000:03:00.0 to pciback

      0000:05:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       media/uplink wants it for media
                       (/m/media.yaml:7)
        is:            host (driver e1000e)
        should be:     assignable
        steps:         1. bind 0000:05:00.0 to pciback

      0000:06:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       two/card wants it for nobody
                       (/m/two.yaml:17)
        is:            host (driver e1000e)
        waits:         DomainNotFound: there is no domain nobody; define it or correct
                       spec.domain

      0000:99:00.0
        because:       one/gone wants it for storage
                       (/m/two.yaml:8)
        is:            not on this host
        waits:         DeviceMissing: 0000:99:00.0 is not on this host; put it back or
                       remove the entry

      5 assignments: 8 steps, 3 waiting, 2 refused.
      /m/two.yaml:7:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:16:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      /m/two.yaml:16:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:7:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      What is not valid has no part in the plan; a file's last good content stays in
        force.
      exit code 2
      "
    `);
    expect(observe(host.dom0.model)).toEqual(before);
  });

  test('get devices', async () => {
    expect(await screen('get', 'devices')).toMatchInlineSnapshot(`
      "ADDRESS        PLACE   DRIVER       ASSIGNMENT   READY    REASON
      0000:00:00.0   host    <none>       <none>       <none>   <none>
      0000:00:03.0   host    virtio-pci   <none>       <none>   <none>
      0000:00:04.0   host    virtio-pci   <none>       <none>   <none>
      0000:00:11.0   host    pcieport     <none>       <none>   <none>
      0000:00:12.0   host    pcieport     <none>       <none>   <none>
      0000:00:13.0   host    pcieport     <none>       <none>   <none>
      0000:00:14.0   host    pcieport     <none>       <none>   <none>
      0000:00:15.0   host    pcieport     <none>       <none>   <none>
      0000:00:16.0   host    pcieport     <none>       <none>   <none>
      0000:00:1a.0   host    e1000        legacy       False    NoReset
      0000:01:00.0   host    e1000e       sys-net      False    Progressing
      0000:02:00.0   host    nvme         <none>       False    Conflict
      0000:03:00.0   host    e1000e       legacy       False    NeedsRestart
      0000:04:00.0   host    nvme         <none>       <none>   <none>
      0000:05:00.0   host    e1000e       media        False    Progressing
      0000:06:00.0   host    e1000e       two          False    DomainNotFound
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test('get assignments', async () => {
    expect(await screen('get', 'assignments')).toMatchInlineSnapshot(`
      "NAME      DOMAIN    DEVICES   READY   REASON        AGE
      legacy    legacy    0/2       False   NoReset       <none>
      media     media     0/1       False   Progressing   <none>
      one       storage   0/2       False   Conflict      <none>
      sys-net   sys-net   0/1       False   Progressing   <none>
      two       nobody    0/2       False   Conflict      <none>
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test('describe device: one with steps to take', async () => {
    expect(await screen('describe', 'device', '01:00.0')).toMatchInlineSnapshot(`
      "Device:          0000:01:00.0
      Is:              Intel Corporation 82574L Gigabit Network Connection
      Subsystem:       Intel Corporation Device 0000
      Class:           Ethernet controller
      Identity:        vendor 8086, device 10d3, class 0200
                       subsystemVendor 8086, subsystemDevice 0000
      Path:            00_11.0/00_00.0
      Reset:           flr, bus

      Place:           host
      xenstore:        no guest has it
      libvirt live:    <none>
      libvirt stored:  <none>
      Driver:          e1000e

      Guards:          <none>
      Assignment:      sys-net, entry lan
                       (/m/net.yaml:7)
      Wanted:          guest sys-net
      Ready:           False
      Steps:           1. bind 0000:01:00.0 to pciback
                       2. attach 0000:01:00.0 to sys-net
      Next:            Run \`xenpci reconcile --once\`, or \`xenpci run\`: no controller
                       runs on this host.
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });
});

test('what only a running controller knows: since when, how often it failed, when it is tried again', async () => {
  const ago = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();
  const failure = { count: 3, error: 'libxenlight failed\u001b[2J', since: ago(600), nextTry: ago(-90.9) };
  const wait = { kind: 'wait', reason: 'NeedsRestart', message: '', since: ago(7_300), overdue: false } as const;
  const devices = [
    { address: address('0000:01:00.0'), steps: [], failure },
    { address: address('0000:03:00.0'), steps: [], wait },
  ];
  const file = new StatusFile(host.dom0.layout, host.dom0.layout.manifests, () => undefined);
  file.publish({ observedAt: ago(0), assignments: [], devices, problems: [] });
  await vi.waitFor(async () => expect(await readLiveStatus(host.dom0.layout)).toBeDefined());
  const [first, second] = await Promise.all(['01:00.0', '03:00.0'].map(at => screen('describe', 'device', at)));
  await file.close();
  expect(first).toMatch(
    /\nFailed: +libxenlight failed\uFFFD\[2J\n +failed 3 times since \S+Z; next try in [89]\d s \(\S+Z\)\n/,
  );
  expect(first).toMatch(/\nNext: +Nothing yet: it is tried again at \S+Z\. /);
  expect(second).toMatch(/\nWaits: +NeedsRestart: .*\n.* it\n +since \S+Z \(2h\), counts as stalled in 22 h\n/);
});

describe('reconcile --once', () => {
  test('brings into place what can be, and ends with 1 because of the rest', async () => {
    const out = await screen('reconcile', '--once');
    const places = [...observe(host.dom0.model).devices.values()]
      .filter(device => device.driver === 'pciback')
      .map(({ address: at, place }) => `${at} ${place.at} ${place.at === 'guest' ? place.domain : ''}`.trim());
    expect(places).toEqual(['0000:01:00.0 guest sys-net', '0000:03:00.0 assignable', '0000:05:00.0 assignable']);
    expect(host.dom0.model.domain('media').stored?.hostdevs.map(each => each.address)).toEqual([
      address('0000:05:00.0'),
    ]);
    expect(host.dom0.model.dom0.violations).toEqual([]);
    // How long it took is no part of the screen.
    const table = out.slice(out.lastIndexOf('NAME')).replace(/(?:\d+s|<none>)$/gm, 'AGE');
    expect(table).toMatchInlineSnapshot(`
      "NAME      DOMAIN    DEVICES   READY   REASON     AGE
      legacy    legacy    0/2       False   NoReset    AGE
      media     media     1/1       True    Prepared   AGE
      one       storage   0/2       False   Conflict   AGE
      sys-net   sys-net   1/1       True    InPlace    AGE
      two       nobody    0/2       False   Conflict   AGE
      exit code 1
      "
    `);
  });
});

describe('afterwards', () => {
  test('plan has nothing left to do', async () => {
    expect(await screen('plan')).toMatchInlineSnapshot(`
      "0000:00:1a.0  Intel Corporation 82540EM Gigabit Ethernet Controller
        because:       legacy/old wants it for legacy
                       (/m/legacy.yaml:8)
        is:            host (driver e1000)
        refused:       NoReset: 0000:00:1a.0 has no reset (FLR, power management or
                       bus); set reset: BestEffort to give it away unreset

      0000:02:00.0  Red Hat, Inc. QEMU NVM Express Controller
        because:       one/disk wants it for storage
                         (/m/two.yaml:7)
                       two/disk wants it for nobody
                         (/m/two.yaml:16)
        is:            host (driver nvme)
        refused:       Conflict: 0000:02:00.0 is also named by two/disk
                       (/m/two.yaml:16); remove
                       it from all but one

      0000:03:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       legacy/nic wants it for legacy
                       (/m/legacy.yaml:7)
        is:            assignable (driver pciback)
        should be:     assignable
        waits:         NeedsRestart: legacy was started without PCI passthrough; stop
                       and start it

      0000:06:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       two/card wants it for nobody
                       (/m/two.yaml:17)
        is:            host (driver e1000e)
        waits:         DomainNotFound: there is no domain nobody; define it or correct
                       spec.domain

      0000:99:00.0
        because:       one/gone wants it for storage
                       (/m/two.yaml:8)
        is:            not on this host
        waits:         DeviceMissing: 0000:99:00.0 is not on this host; put it back or
                       remove the entry

      5 assignments: nothing to do, 2 in place, 3 waiting, 2 refused.
      /m/two.yaml:7:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:16:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      /m/two.yaml:16:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:7:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      What is not valid has no part in the plan; a file's last good content stays in
        force.
      exit code 2
      "
    `);
  });

  test('get devices, those that are named', async () => {
    const named = ['0000:05:00.0', '01:00.0', '0000:01:00.0'];
    expect(await screen('get', 'devices', ...named)).toMatchInlineSnapshot(`
      "ADDRESS        PLACE           DRIVER    ASSIGNMENT   READY   REASON
      0000:01:00.0   guest sys-net   pciback   sys-net      True    InPlace
      0000:05:00.0   assignable      pciback   media        True    Prepared
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test('get devices -o wide', async () => {
    expect(await screen('get', 'devices', '0000:01:00.0', '-o', 'wide')).toMatchInlineSnapshot(`
      "ADDRESS        PLACE           DRIVER    ASSIGNMENT   READY   REASON    GUARDS   CLASS                 VENDOR              DEVICE                              RESET
      0000:01:00.0   guest sys-net   pciback   sys-net      True    InPlace   <none>   Ethernet controller   Intel Corporation   82574L Gigabit Network Connection   flr,bus
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test('get devices -o yaml', async () => {
    expect(await screen('get', 'devices', '0000:02:00.0', '-o', 'yaml')).toMatchInlineSnapshot(`
      "apiVersion: xenpci.dev/v1alpha1
      kind: PCIDevice
      metadata:
        name: 0000:02:00.0
      status:
        present: true
        path: 00_12.0/00_00.0
        identity:
          vendor: 1b36
          device: "0010"
          subsystemVendor: 1af4
          subsystemDevice: "1100"
          class: "0108"
        text:
          vendor: Red Hat, Inc.
          device: QEMU NVM Express Controller
          subsystem: QEMU Virtual Machine
          class: Non-Volatile memory controller (NVM Express)
        driver: nvme
        resetMethods:
          - flr
          - bus
        place:
          at: host
        views:
          live: []
          stored: []
        entry:
          name: nvme
          path: 00_12.0/00_00.0
          identity:
            vendor: 1b36
            device: "0010"
            subsystemVendor: 1af4
            subsystemDevice: "1100"
            class: "0108"
        others:
          - assignment: two
            entry: disk
            wait:
              kind: guard
              reason: Conflict
              message: 0000:02:00.0 is also named by one/disk (/m/two.yaml:7); remove it from all but one
              since: DATE
              overdue: false
        steps: []
        uses: []
        guards: []
        refusal:
          kind: guard
          reason: Conflict
          message: 0000:02:00.0 is also named by two/disk (/m/two.yaml:16); remove it from all but one
          since: DATE
          overdue: false
        waits: []
        conditions:
          - type: Ready
            status: "False"
            reason: Conflict
            message: 0000:02:00.0 is also named by two/disk (/m/two.yaml:16); remove it from all but one
            lastTransitionTime: DATE
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test('get assignments -o json', async () => {
    const { out } = await run(['get', 'assignments', '-o', 'json', '--root', host.root]);
    const list = JSON.parse(out) as {
      kind: string;
      items: { metadata: { name: string }; spec: object; status: object }[];
    };
    expect(list.kind).toBe('PCIAssignmentList');
    expect(list.items.map(item => item.metadata.name)).toEqual(['legacy', 'media', 'one', 'sys-net', 'two']);
    expect(list.items[3]).toMatchObject({
      spec: { domain: 'sys-net' },
      status: { devices: [{ ready: true }] },
    });
  });

  test.each(['0000:01:00.0', '0000:02:00.0', '0000:03:00.0', '0000:00:1a.0', '0000:06:00.0', '0000:04:00.0'])(
    'describe device %s',
    async at => {
      expect(await screen('describe', 'device', at)).toMatchSnapshot();
    },
  );

  test('describe assignment', async () => {
    expect(await screen('describe', 'assignment', 'legacy')).toMatchInlineSnapshot(`
      "Assignment:      legacy
      File:            /m/legacy.yaml:1
      Domain:          legacy (running, domain id 3)
      Policies:        updatePolicy Live, whenStopped Assignable,
                       deletionPolicy Assignable, driftPolicy Correct
      Start hook:      not in force: libvirtd has not called xenpci since it started
      Suspended:       no

      Conditions:
        Ready False: NeedsRestart: nic: legacy was started without PCI passthrough;
          stop and start it; old: 0000:00:1a.0 has no reset (FLR, power management or
          bus); set reset: BestEffort to give it away unreset
        Reconciling True: NeedsRestart: nic: legacy was started without PCI
          passthrough; stop and start it
        Stalled True: NoReset: old: 0000:00:1a.0 has no reset (FLR, power management
          or bus); set reset: BestEffort to give it away unreset

      Devices:
      ENTRY   ADDRESS        PLACE        READY   REASON
      nic     0000:03:00.0   assignable   False   NeedsRestart
      old     0000:00:1a.0   host         False   NoReset

      Device:          0000:03:00.0
      Steps:           <none>
      Waits:           NeedsRestart: legacy was started without PCI passthrough; stop
                       and start it
      Next:            Stop and start the domain: virsh shutdown legacy, then
                       virsh start legacy

      Device:          0000:00:1a.0
      Steps:           <none>
      Refused:         NoReset: 0000:00:1a.0 has no reset (FLR, power management or
                       bus); set reset: BestEffort to give it away unreset
      Next:            Set reset: BestEffort if an unreset device is acceptable
                       (/m/legacy.yaml:8).
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test.each([
    [
      ['describe', 'device', '0000:77:00.0'],
      'there is no device 0000:77:00.0 on this host; xenpci get devices lists all',
    ],
    [['describe', 'device', 'x'], '"x" is not a PCI address, such as 0000:03:00.0'],
    [['get', 'assignments', 'sys-nte'], 'there is no assignment "sys-nte" in /m; did you mean sys-net?'],
    [['describe', 'assignment/storag'], 'there is no assignment "storag" in /m; xenpci get assignments lists all'],
    [['describe', 'device/x'], '"x" is not a PCI address, such as 0000:03:00.0'],
  ])('%j', async (args, message) => {
    expect(inOneLine(await screen(...args))).toBe(`error: ${message} exit code 2`);
  });
});

describe('drift and damage', () => {
  test('what xl did behind libvirt is shown, with the way back', async () => {
    const argv = ['pci-detach', 'sys-net', '0000:01:00.0'];
    expect(runXl(host.dom0.model, { argv, readConfig: () => '' })).toMatchObject({ status: 0 });
    expect(await screen('describe', 'device', '0000:01:00.0')).toMatchInlineSnapshot(`
      "Device:          0000:01:00.0
      Is:              Intel Corporation 82574L Gigabit Network Connection
      Subsystem:       Intel Corporation Device 0000
      Class:           Ethernet controller
      Identity:        vendor 8086, device 10d3, class 0200
                       subsystemVendor 8086, subsystemDevice 0000
      Path:            00_11.0/00_00.0
      Reset:           flr, bus

      Place:           assignable
      xenstore:        no guest has it
      libvirt live:    sys-net
      libvirt stored:  sys-net
      Driver:          pciback (in dom0 before: e1000e)
      Diverged:        xenstore shows it in no guest; libvirt shows it in sys-net

      Guards:          <none>
      Assignment:      sys-net, entry lan
                       (/m/net.yaml:7)
      Wanted:          guest sys-net
      Ready:           False
      Steps:           1. attach 0000:01:00.0 to sys-net (through xl)
      Next:            Run \`xenpci reconcile --once\`, or \`xenpci run\`: no controller
                       runs on this host.
      2 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
    expect(await screen('plan')).toMatchInlineSnapshot(`
      "0000:00:1a.0  Intel Corporation 82540EM Gigabit Ethernet Controller
        because:       legacy/old wants it for legacy
                       (/m/legacy.yaml:8)
        is:            host (driver e1000)
        refused:       NoReset: 0000:00:1a.0 has no reset (FLR, power management or
                       bus); set reset: BestEffort to give it away unreset

      0000:01:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       sys-net/lan wants it for sys-net
                       (/m/net.yaml:7)
        is:            assignable (driver pciback)
        should be:     guest sys-net
        diverged:      xenstore shows it in no guest; libvirt shows it in sys-net
        steps:         1. attach 0000:01:00.0 to sys-net (through xl)

      0000:02:00.0  Red Hat, Inc. QEMU NVM Express Controller
        because:       one/disk wants it for storage
                         (/m/two.yaml:7)
                       two/disk wants it for nobody
                         (/m/two.yaml:16)
        is:            host (driver nvme)
        refused:       Conflict: 0000:02:00.0 is also named by two/disk
                       (/m/two.yaml:16); remove
                       it from all but one

      0000:03:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       legacy/nic wants it for legacy
                       (/m/legacy.yaml:7)
        is:            assignable (driver pciback)
        should be:     assignable
        waits:         NeedsRestart: legacy was started without PCI passthrough; stop
                       and start it

      0000:06:00.0  Intel Corporation 82574L Gigabit Network Connection
        because:       two/card wants it for nobody
                       (/m/two.yaml:17)
        is:            host (driver e1000e)
        waits:         DomainNotFound: there is no domain nobody; define it or correct
                       spec.domain

      0000:99:00.0
        because:       one/gone wants it for storage
                       (/m/two.yaml:8)
        is:            not on this host
        waits:         DeviceMissing: 0000:99:00.0 is not on this host; put it back or
                       remove the entry

      5 assignments: 1 step, 1 in place, 3 waiting, 2 refused.
      /m/two.yaml:7:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:16:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      /m/two.yaml:16:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:7:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      What is not valid has no part in the plan; a file's last good content stays in
        force.
      exit code 2
      "
    `);
  });

  test('a manifest that is not valid: plan shows it and ends with 2', async () => {
    host.write('net.yaml', 'apiVersion: xenpci.dev/v1alpha1\nkind: PCIAsignment\n');
    const plan = await screen('plan');
    expect(inOneLine(plan)).toContain('because: sys-net/lan wants it for sys-net (/m/net.yaml:');
    expect(plan.slice(plan.indexOf('5 assignments'))).toMatchInlineSnapshot(`
      "5 assignments: 1 step, 1 in place, 3 waiting, 2 refused.
      /m/net.yaml:2:7: error UnknownKind: kind:
        "PCIAsignment" is not a kind; did you mean PCIAssignment?
          kind: PCIAsignment
                ^
      /m/two.yaml:7:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:16:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      /m/two.yaml:16:29: error DuplicateDevice:
        spec.devices[0].address: the device 0000:02:00.0 stands at
        /m/two.yaml:7:29 too; neither of them
        moves it
              - {name: disk, address: "0000:02:00.0"}
                                      ^
      What is not valid has no part in the plan; a file's last good content stays in
        force.
      exit code 2
      "
    `);
    expect(await screen('get', 'assignments', 'media')).toMatchInlineSnapshot(`
      "NAME    DOMAIN   DEVICES   READY   REASON     AGE
      media   media    1/1       True    Prepared   <none>
      3 problems in the manifests:
        xenpci validate /m
      exit code 0
      "
    `);
  });

  test('a record that is damaged: nothing is done, and it is said what to do', async () => {
    writeFileSync(join(host.dom0.layout.state, 'inventory.json'), '{');
    expect(await screen('plan')).toMatchInlineSnapshot(`
      "error: the record of held devices cannot be used:
        /root/var/lib/xenpci/inventory.json is cut off or is not JSON.
        Restore it from a backup, or move it away to begin with an empty one: then
        devices that no manifest names any more stay where they are
      exit code 2
      "
    `);
  });

  test('xenstored gone: an error, not an empty list', async () => {
    await host.dom0.xenstored.close();
    const { code, out, err } = await run(['get', 'devices'], { env: { XENPCI_ROOT: host.root } });
    expect([code, out]).toEqual([2, '']);
    expect(inOneLine(err)).toMatch(/^error: cannot look at the host: cannot reach xenstored/);
  });
});

test('names that a guest chose cannot send escape sequences to the terminal', async () => {
  const name = 'evil\u001b[2J\u009b1m\u202e';
  const hostile = await simulatedHost({
    ...DEFAULT_WORLD,
    domains: [
      {
        name,
        uuid: '2a1c7c35-4f0b-4b53-8f0e-0d6a3ad0a009',
        passthrough: true,
        running: true,
        devices: [address('0000:01:00.0')],
      },
    ],
  });
  try {
    hostile.write('a.yaml', manifest('a', 'b', ['x: 0000:01:00.0']));
    for (const args of [
      ['plan'],
      ['get', 'devices'],
      ['get', 'devices', '-o', 'yaml'],
      ['get', 'devices', '-o', 'json'],
      ['describe', 'device', '01:00.0'],
    ]) {
      const { out } = await run(args, { env: { XENPCI_ROOT: hostile.root } });
      expect(out).toContain('evil');
      expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    const { out } = await run(['get', 'devices', '01:00.0', '-o', 'yaml'], { env: { XENPCI_ROOT: hostile.root } });
    expect(parse(out)).toMatchObject({
      status: { place: { at: 'guest', domain: expect.stringMatching(/^evil\u001b\[2J/) } },
    });
  } finally {
    await hostile.end();
  }
});
