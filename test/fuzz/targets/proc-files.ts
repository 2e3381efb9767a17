import { HostError } from '../../../src/controller/ports.ts';
import { parseHide } from '../../../src/host/examine/pciback-hide.ts';
import { parseMountinfo, parseSwaps } from '../../../src/host/uses/mounts.ts';
import { interfaceTraffic } from '../../../src/host/uses/network.ts';
import { promise, type Target, texts, unlessRefused, type Verdict } from '../target.ts';

const MOUNTS =
  '36 35 98:0 /a /mnt\\040b rw,noatime shared:1 - ext4 /dev/sda1 rw\n22 1 0:20 / /proc rw - proc proc rw\n';
const SWAPS = 'Filename\tType\tSize\tUsed\tPriority\n/dev/sda2\tpartition\t1\t0\t-2\n/swap\tfile\t1\t0\t-3\n';
const ROUTE = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
`;
const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.168.1.7
        /32 host LOCAL
`;
const INET6 =
  'fe800000000000000000000000000001 02 40 20 80     eth0\n20010db8000000000000000000000001 02 40 00 80     eth0\n';
const ROUTE6 =
  '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe80 00000400 1 0 00000003 eth0\n';

/** What the kernel lists below /proc, read by every parser whatever it is. */
export const procFiles: Target = {
  name: 'proc-files',
  about: 'mountinfo, swaps, routes and addresses: understood or Unreachable, never a guess',
  seeds: texts(
    MOUNTS,
    SWAPS,
    ROUTE,
    INET6,
    ROUTE6,
    `${ROUTE}\0${TRIE}\0${INET6}\0${ROUTE6}`,
    '(0000:01:00.0)(02:00.1)',
  ),
  dictionary: [
    '\n',
    ' - ',
    '\t',
    '\\040',
    '\\777',
    '98:0',
    'eth0',
    '0003',
    'FFFFFFFF',
    '|-- ',
    '/32 host LOCAL',
    '\0',
    'lo',
    '(',
    ')',
  ],
  heavy: function* () {
    for (const piece of [' ', '\n', ' - ', MOUNTS, SWAPS, ROUTE, TRIE, INET6, ROUTE6, '\\040', '|-- ', '(', '1']) {
      yield Buffer.from(piece.repeat(Math.floor(200_000 / piece.length)));
    }
  },
  quick: 4_000,
  full: 1_000_000,
  open: () => ({
    run(input): Verdict {
      const text = input.toString('utf8');
      const [route = '', fibTrie = '', ifInet6, ipv6Route] = text.split('\0');
      const taken = [
        unlessRefused([HostError], () => mountsAreKnown(text)),
        unlessRefused([HostError], () => parseSwaps(text).length > 0),
        unlessRefused([HostError], () => trafficIsKnown({ route, fibTrie, ifInet6, ipv6Route })),
        unlessRefused([HostError], () =>
          trafficIsKnown({ route: '', fibTrie: text, ifInet6: text, ipv6Route: undefined }),
        ),
        unlessRefused([HostError], () =>
          trafficIsKnown({ route: '', fibTrie: '', ifInet6: undefined, ipv6Route: text }),
        ),
        parseHide(text) !== undefined,
      ];
      return taken.includes(true) ? 'accepted' : 'refused';
    },
  }),
};

function mountsAreKnown(text: string): boolean {
  const mounts = parseMountinfo(text);
  const lines = text.split('\n').filter(line => line !== '');
  promise(mounts.length === lines.length, 'a mount is passed over');
  for (const { number } of mounts) promise(/^\d+:\d+$/.test(number), 'a mount on no device');
  return mounts.length > 0;
}

function trafficIsKnown(files: Parameters<typeof interfaceTraffic>[0]): boolean {
  const traffic = interfaceTraffic(files);
  for (const { addresses, defaultRoutes, routes } of traffic.values()) {
    for (const each of addresses) promise(/^[0-9a-f.:]+$/.test(each), `${each} is no address`);
    for (const each of routes) promise(/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/.test(each), `${each} is no route`);
    promise(
      defaultRoutes.every(each => each === 'IPv4' || each === 'IPv6'),
      'a default route of no protocol',
    );
  }
  return traffic.size > 0;
}
