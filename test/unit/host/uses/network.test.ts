import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostError } from '../../../../src/controller/ports.ts';
import { interfaceTraffic } from '../../../../src/host/uses/network.ts';
import { DISK, Dom0Tree, NIC } from './dom0-tree.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
/** 10.9.8.0/24, and the default route by 10.9.8.1, as a little-endian kernel shows them. */
const subnet = (name: string) => `${name}\t0008090A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n`;
const gateway = (name: string) => `${name}\t00000000\t0108090A\t0003\t0\t0\t0\t00000000\t0\t0\t0   \n`;
const FIB = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.9.8.0/24 2 0 2
        |-- 10.9.8.0
           /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 10.9.8.0/24 2 0 2
        |-- 10.9.8.7
           /32 host LOCAL
        |-- 10.9.8.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
`;

function withAddress(name: string): Dom0Tree {
  const dom0 = new Dom0Tree();
  dom0.write('proc/net/route', HEAD + subnet(name));
  dom0.write('proc/net/fib_trie', FIB);
  return dom0;
}

/** Puts an interface on another one, as a bridge, a bond or a VLAN shows in sysfs. */
function stack(dom0: Dom0Tree, lower: string, upper: string, kind?: 'bridge' | 'bonding'): void {
  const folder = join(dom0.layout.sysfs, 'class/net', lower);
  dom0.link('net', `virtual/net/${upper}`);
  symlinkSync(`../../../../virtual/net/${upper}`, join(folder, `upper_${upper}`));
  if (kind === undefined) return;
  symlinkSync(`../../../../virtual/net/${upper}`, join(folder, 'master'));
  mkdirSync(join(dom0.layout.sysfs, 'class/net', upper, kind));
}

describe('a network card', () => {
  test('without addresses and routes is used for nothing', async () => {
    expect(await new Dom0Tree().of(NIC)).toEqual([]);
    expect(await withAddress('eth7').of(NIC)).toEqual([]);
  });

  test('has the IPv4 address whose network is reached through it', async () => {
    const dom0 = withAddress('eth0');
    expect(await dom0.of(NIC)).toEqual(['NetworkAddress: 10.9.8.7 is on eth0']);
    expect(await dom0.of(DISK)).toEqual([]);
  });

  test('is used for networks that are reached through it, also without an address', async () => {
    const dom0 = withAddress('eth0');
    dom0.write('proc/net/fib_trie', '');
    expect(await dom0.of(NIC)).toEqual(['NetworkAddress: 10.9.8.0/24 is reached through eth0']);
  });

  test('has the default route', async () => {
    const dom0 = withAddress('eth0');
    dom0.write('proc/net/route', HEAD + gateway('eth0') + subnet('eth0'));
    expect(await dom0.of(NIC)).toEqual([
      'DefaultRoute: the default route (IPv4) goes through eth0',
      'NetworkAddress: 10.9.8.7 is on eth0',
    ]);
  });

  test('has no default route by one that is down or rejects', async () => {
    const dom0 = new Dom0Tree();
    dom0.write(
      'proc/net/route',
      HEAD + gateway('eth0').replace('0003', '0002') + gateway('eth0').replace('0003', '0203'),
    );
    expect(await dom0.of(NIC)).toEqual([]);
  });

  test('has IPv6 addresses and the IPv6 default route, but none that reach no further than the link', async () => {
    const dom0 = new Dom0Tree();
    const link = 'fe80000000000000505400fffeaa0001 02 40 20 80     eth0\n';
    const global = '20010db8000000000000000000000007 02 40 00 80     eth0\n';
    dom0.write('proc/net/if_inet6', `00000000000000000000000000000001 01 80 10 80       lo\n${link}`);
    const zero = '0'.repeat(32);
    const nowhere = `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo\n`;
    dom0.write('proc/net/ipv6_route', nowhere);
    expect(await dom0.of(NIC)).toEqual([]);
    dom0.write('proc/net/if_inet6', link + global);
    dom0.write(
      'proc/net/ipv6_route',
      `${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 1 0 00000003     eth0\n${nowhere}`,
    );
    expect(await dom0.of(NIC)).toEqual([
      'DefaultRoute: the default route (IPv6) goes through eth0',
      'NetworkAddress: 2001:db8::7 is on eth0',
    ]);
  });

  test('is a port of a bridge, and carries what the bridge carries', async () => {
    const dom0 = withAddress('br0');
    stack(dom0, 'eth0', 'br0', 'bridge');
    expect(await dom0.of(NIC)).toEqual([
      'NetworkAddress: 10.9.8.7 is on br0, which lies on eth0',
      'NetworkBridge: eth0 is a port of br0',
    ]);
  });

  test('carries what a VLAN on its bond carries; a bond is no bridge', async () => {
    const dom0 = withAddress('bond0.5');
    stack(dom0, 'eth0', 'bond0', 'bonding');
    stack(dom0, 'bond0', 'bond0.5');
    expect(await dom0.of(NIC)).toEqual(['NetworkAddress: 10.9.8.7 is on bond0.5, which lies on eth0']);
  });

  test('is not known without the tables, or with nonsense in them; IPv6 may be off', async () => {
    for (const [path, text] of [
      ['proc/net/route', `${HEAD}eth0\tnonsense\n`],
      ['proc/net/if_inet6', 'x y z\n'],
      ['proc/net/ipv6_route', 'x\n'],
    ] as const) {
      const dom0 = new Dom0Tree();
      dom0.write(path, text);
      expect(await dom0.of(NIC)).toEqual([expect.stringMatching(/^UseUnknown: what for is not known: \S+ has a line/)]);
      expect(await dom0.of(DISK)).toEqual([]);
    }
    for (const path of ['proc/net/route', 'proc/net/fib_trie', 'sys/class/net']) {
      const dom0 = new Dom0Tree();
      dom0.remove(path);
      expect(await dom0.of(NIC)).toEqual([expect.stringMatching(/^UseUnknown: /)]);
    }
  });
});

describe('the tables of the kernel', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(fc.constantFrom('eth0', '00000000', '0001', '\t', '\n', '   |-- 1.2.3.4', '/32 host LOCAL', 'zz'), {
        maxLength: 40,
      })
      .map(parts => parts.join('\t')),
  );

  test('are read or refused, whatever they hold', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, anyText, (route, fibTrie, ifInet6, ipv6Route) => {
        try {
          interfaceTraffic({ route, fibTrie, ifInet6, ipv6Route });
        } catch (error) {
          expect(error).toBeInstanceOf(HostError);
        }
      }),
    );
  });

  test('give each address to the interface of the most exact network around it', () => {
    const byte = fc.nat(255);
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 126 }), byte, byte, byte),
        fc.integer({ min: 9, max: 32 }),
        (parts, width) => {
          const address = parts.reduce((sum, part) => sum * 256 + part, 0);
          const mask = (0xffffffff << (32 - width)) >>> 0;
          const hex = (value: number): string => {
            const bytes = [0, 8, 16, 24].map(shift => ((value >>> shift) & 0xff).toString(16).padStart(2, '0'));
            return bytes.join('').toUpperCase();
          };
          const route = (name: string, to: number, by: number) =>
            `${name}\t${hex((to & by) >>> 0)}\t00000000\t0001\t0\t0\t0\t${hex(by)}\t0\t0\t0\n`;
          const traffic = interfaceTraffic({
            route: `${HEAD}${route('wide', address, 0xff000000)}${route('exact', address, mask)}`,
            fibTrie: `Local:\n  |-- ${parts.join('.')}\n     /32 host LOCAL\n`,
            ifInet6: undefined,
            ipv6Route: undefined,
          });
          expect(traffic.get('exact')?.addresses).toEqual([parts.join('.')]);
          expect(traffic.get('wide')?.addresses).toEqual([]);
        },
      ),
    );
  });
});
