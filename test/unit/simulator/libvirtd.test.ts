import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeBody,
  encodeCall,
  encodeFrame,
  errorDetails,
  FrameParser,
  type LifecycleEvent,
  procedures,
} from '../../../src/node-libvirt/index.ts';
import { observe, plainHostdev } from '../../../src/simulator/index.ts';
import { hungUp } from '../../hung-up.ts';
import { libvirt, running } from './running.ts';
import { NIC, NVME, xl } from './world.ts';

const HOSTDEV = [
  "<hostdev mode='subsystem' type='pci' managed='no'><driver name='xen'/>",
  "<source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>",
  "<alias name='ua-xenpci-1'/></hostdev>",
].join('');

const refused = (code: number, text: string) =>
  expect.objectContaining({ name: 'LibvirtError', code, message: expect.stringContaining(text) });

describe('domains', () => {
  test('are listed by kind, and found by name, UUID and number', async () => {
    const client = libvirt(await running());
    const names = async (flags: number) => (await client.listDomains({ flags })).map(({ name }) => name);
    expect(await names(0)).toEqual(['Domain-0', 'sys-net', 'storage', 'media', 'legacy']);
    expect(await names(4)).toEqual(['sys-net', 'storage', 'media', 'legacy']);
    expect(await names(2)).toEqual(['media']);
    const domain = await client.domainByName('sys-net');
    expect(await client.domainByUuid(domain.uuid)).toEqual(domain);
    expect(await client.domainById(1)).toEqual(domain);
    await expect(client.domainByName('nobody')).rejects.toEqual(refused(42, "no domain with matching name 'nobody'"));
  });

  test('live and die, and tell of it', async () => {
    const client = libvirt(await running());
    const events: string[] = [];
    client.onLifecycle(({ domain, event, detail }: LifecycleEvent) => events.push(`${domain.name} ${event} ${detail}`));
    await client.connect();
    const media = await client.domainByName('media');
    expect((await client.startDomain(media)).id).toBe(4);
    expect(await client.domainState(media)).toMatchObject({ state: 'running' });
    await client.suspendDomain(media);
    expect(await client.domainState(media)).toMatchObject({ state: 'paused' });
    await client.destroyDomain(media);
    await expect(client.destroyDomain(media)).rejects.toEqual(refused(55, 'domain is not running'));
    await expect.poll(() => events).toEqual(['media started 0', 'media suspended 0', 'media stopped 1']);
  });

  test('are defined from XML, and shown with what is not understood', async () => {
    const client = libvirt(await running());
    const xml = [
      "<domain type='xen'><name>red</name><memory unit='KiB'>1024</memory><os><type machine='xenpv'>linux</type>",
      '<kernel>/boot/vmlinuz</kernel></os><features><acpi/></features>',
      `<devices><disk type='file'/>${HOSTDEV}</devices></domain>`,
    ].join('');
    const domain = await client.defineDomain(xml);
    const shown = await client.domainXml(domain, { inactive: true });
    for (const part of ['<kernel>/boot/vmlinuz</kernel>', '<acpi/>', '<disk type="file"/>', 'ua-xenpci-1']) {
      expect(shown).toContain(part);
    }
    const again = await client.defineDomain(
      shown.replace('<features>', "<features><xen><passthrough state='on'/></xen>"),
    );
    expect(again.uuid).toBe(domain.uuid);
    expect(await client.domainXml(domain, { inactive: true })).toContain("<passthrough state='on'/>");
    await client.undefineDomain(domain);
    await expect(client.domainByName('red')).rejects.toEqual(refused(42, 'red'));
  });

  test('have metadata, live and stored', async () => {
    const client = libvirt(await running());
    const media = await client.domainByName('media');
    const element = { uri: 'https://xenpci.dev/1', key: 'xenpci', xml: '<owner name="a &amp; b">me</owner>' };
    await client.setMetadata(media, element, { config: true });
    expect(await client.getMetadata(media, element.uri, { config: true })).toBe(element.xml);
    expect(await client.domainXml(media)).toContain('<xenpci:owner xmlns:xenpci="https://xenpci.dev/1"');
    await client.defineDomain(await client.domainXml(media));
    expect(await client.getMetadata(media, element.uri, { config: true })).toBe(element.xml);
    await expect(client.getMetadata(media, element.uri, { live: true })).rejects.toEqual(refused(55, 'not running'));
    await expect(client.getMetadata(media, 'urn:other', { config: true })).rejects.toEqual(refused(80, 'metadata'));
  });
});

describe('devices', () => {
  test('are attached and detached live, and keep their alias', async () => {
    const dom0 = await running();
    const client = libvirt(dom0);
    const domain = await client.domainByName('sys-net');
    await expect(client.attachDevice(domain, HOSTDEV, { live: true })).rejects.toEqual(
      refused(55, 'Unmanaged PCI device 0000:01:00.0 must be manually detached from the host'),
    );
    xl(dom0.model, 'pci-assignable-add 01:00.0');
    await client.attachDevice(domain, HOSTDEV, { live: true });
    expect(await client.domainXml(domain)).toContain('ua-xenpci-1');
    expect(await client.domainXml(domain, { inactive: true })).not.toContain('hostdev');
    await client.detachDevice(domain, HOSTDEV, { live: true });
    expect(observe(dom0.model).devices.get(NIC)?.place).toEqual({ at: 'assignable' });
    await expect(client.detachDevice(domain, HOSTDEV, { live: true })).rejects.toEqual(refused(9, 'not found'));
  });

  test('are attached one at a time to one domain, and reads do not wait for them', async () => {
    const dom0 = await running({ latencyMs: 30 });
    const client = libvirt(dom0);
    const domain = await client.domainByName('sys-net');
    xl(dom0.model, 'pci-assignable-add 01:00.0');
    const twice = Promise.allSettled([1, 2].map(() => client.attachDevice(domain, HOSTDEV, { live: true })));
    expect(await client.domainXml(domain)).not.toContain('hostdev');
    expect((await twice).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('are shown as node devices', async () => {
    const client = libvirt(await running());
    expect(await client.listNodeDevices()).toContain('pci_0000_01_00_0');
    expect(await client.nodeDeviceXml('pci_0000_01_00_0')).toContain('<driver><name>e1000e</name></driver>');
    await expect(client.nodeDeviceByName('pci_0000_99_00_0')).rejects.toEqual(refused(53, 'no node device'));
  });
});

describe('the daemon', () => {
  test('loses nothing in a restart, and its clients come back', async () => {
    const dom0 = await running();
    const client = libvirt(dom0);
    xl(dom0.model, 'pci-assignable-add 02:00.0');
    dom0.model.libvirt.attach(dom0.model.domain('sys-net'), plainHostdev(NVME), { live: true, stored: false });
    await client.connect();
    let back = false;
    client.onReconnect(() => {
      back = true;
    });
    await dom0.libvirtd.restart();
    await expect.poll(() => back).toBe(true);
    expect(await client.domainXml(await client.domainByName('sys-net'))).toContain("bus='0x02'");
  });

  test('that is killed breaks what is under way, and its clients can ask again', async () => {
    const dom0 = await running();
    const client = libvirt(dom0);
    const domain = await client.domainByName('sys-net');
    xl(dom0.model, 'pci-assignable-add 01:00.0');
    dom0.faults.add({ operation: 'attach', delayMs: 60_000 });
    const attach = client.attachDevice(domain, HOSTDEV, { live: true });
    attach.catch(() => undefined);
    await expect.poll(() => dom0.faults.pending).toBe(0);
    await dom0.libvirtd.restart();
    await expect(attach).rejects.toMatchObject({ name: 'ConnectionLostError' });
    await client.attachDevice(domain, HOSTDEV, { live: true });
    await expect
      .poll(() => observe(dom0.model).devices.get(NIC))
      .toMatchObject({ place: { at: 'guest' }, settled: true });
  });

  test('serves five calls of a connection at a time', async () => {
    const dom0 = await running();
    const domain = { name: 'sys-net', uuid: dom0.model.domain('sys-net').uuid, id: 1 };
    dom0.faults.add({ operation: 'attach', delayMs: 20, times: 5 });
    const attach = { domain, xml: HOSTDEV, flags: 1 };
    const socket = connect(dom0.layout.libvirtSocket);
    socket.write(encodeCall(procedures.connectOpen, 1, { uri: null, flags: 0 }));
    for (const serial of [2, 3, 4, 5, 6]) socket.write(encodeCall(procedures.domainAttachDeviceFlags, serial, attach));
    socket.write(encodeCall(procedures.connectGetType, 7, undefined));
    const serials: number[] = [];
    const parser = new FrameParser();
    socket.on('data', chunk => {
      for (const { header } of parser.push(chunk)) serials.push(header.serial);
    });
    await expect.poll(() => serials).toHaveLength(7);
    socket.destroy();
    expect(serials.indexOf(7)).toBeGreaterThan(serials.indexOf(2));
  });

  test('answers only what it knows, and only when opened', async () => {
    const dom0 = await running();
    expect(await rawCall(dom0.layout.libvirtSocket, procedures.connectGetType)).toMatchObject({ code: 1 });
    const unknown = { ...procedures.connectGetType, number: 9999 };
    expect(await rawCall(dom0.layout.libvirtSocket, unknown)).toMatchObject({
      code: 39,
      message: 'unknown procedure: 9999',
    });
  });

  test('lives through any bytes', async () => {
    const dom0 = await running();
    const client = libvirt(dom0);
    const call = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.uint8Array({ maxLength: 64 }));
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 6 }), async calls => {
        const socket = connect(dom0.layout.libvirtSocket);
        socket.on('error', () => undefined);
        const open = encodeCall(procedures.connectOpen, 1, { uri: null, flags: 0 });
        socket.write(open);
        for (const [procedure, body] of calls) {
          const header = { program: 0x20008086, version: 1, procedure, type: 0, serial: 2, status: 0 };
          socket.write(encodeFrame(header, body));
        }
        socket.end();
        socket.resume();
        await hungUp(socket);
        expect(await client.hypervisorType()).toBe('Xen');
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    '<domain',
    '<x/>',
    '<domain/>',
    `<domain>${'<a>'.repeat(500)}${'</a>'.repeat(500)}</domain>`,
    '<!DOCTYPE d><d/>',
  ])('refuses %s as a definition', async xml => {
    const client = libvirt(await running());
    await expect(client.defineDomain(xml)).rejects.toMatchObject({ name: 'LibvirtError' });
  });
});

async function rawCall(path: string, procedure: procedures.Procedure<void, string>): Promise<object> {
  const socket = connect(path);
  socket.write(encodeCall(procedure, 1, undefined));
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  const [frame] = [...new FrameParser().push(chunk)];
  if (frame === undefined) throw new Error('half an answer');
  return decodeBody(errorDetails, frame.body);
}
