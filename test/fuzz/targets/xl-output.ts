import { parseVirtCaps } from '../../../src/host/xl/iommu.ts';
import { remarksIn, restIn, spokenWords } from '../../../src/host/xl/output.ts';
import { parseXenInfo } from '../../../src/host/xl/xen-info.ts';
import { promise, type Target, texts, type Verdict } from '../target.ts';

const INFO = `host                   : dom0
release                : 6.1.0-18-amd64
xen_version            : 4.17.5
virt_caps              : pv hvm hvm_directio pv_directio hap shadow
xen_commandline        : placeholder iommu=on,quarantine=scratch-page dom0_mem=1G iommu=no-quarantine
`;
const LIST = `Name                                        ID   Mem VCPUs\tState\tTime(s)
sys net 7                                    7   512     1     --p---      12.3
`;
const ERROR = `libxl: error: libxl_pci.c:1492:libxl__device_pci_assignable_add: Couldn't lstat /sys/bus/pci: No such file
libxl: error: libxl_pci.c:1600:pci_remove_detached: failed to de-quarantine 0000:01:00.0
`;

/** What xl prints, on standard output and standard error. */
export const xlOutput: Target = {
  name: 'xl-output',
  about: 'what xl prints: never throws, only known answers, what is passed on is short',
  seeds: texts(INFO, LIST, ERROR),
  dictionary: [
    ...[
      '\n',
      ' : ',
      'virt_caps',
      'xen_version',
      'xen_commandline',
      'hvm_directio',
      'pv_directio',
      'iommu=',
      'no-quarantine',
    ],
    ...[
      'quarantine',
      '=off',
      '------',
      'r-----',
      '--p---',
      ' 1 1 1 ',
      'libxl: error: libxl_pci.c:1:x: ',
      '\x1b[2J',
      '\0',
    ],
    ...['already assigned to pciback', "Couldn't lstat", 'failed to de-quarantine'],
  ],
  heavy: function* () {
    for (const piece of [
      ' ',
      '1 ',
      '1',
      ' 1 1 1 r----- 1.',
      '\n',
      'virt_caps ',
      'libxl: error: libxl',
      'iommu=,',
      '\t',
    ]) {
      yield Buffer.from(piece.repeat(Math.floor(65_536 / piece.length)));
      yield Buffer.from(`a 1 1 1 r----- 1.1${piece.repeat(Math.floor(65_000 / piece.length))}x`);
      yield Buffer.from(`virt_caps${piece.repeat(Math.floor(65_000 / piece.length))}:`);
    }
  },
  quick: 20_000,
  full: 2_000_000,
  open: () => ({
    run(input): Verdict {
      const text = input.toString('utf8');
      const { version, iommu, quarantine } = parseXenInfo(text);
      promise(version === undefined || !version.includes('\n'), 'a version of several lines');
      promise(['present', 'absent', 'unknown'].includes(iommu.state), 'an IOMMU in no known state');
      promise(parseVirtCaps(text).state === iommu.state, 'two answers about one IOMMU');
      promise(quarantine === undefined || text.includes('xen_commandline'), 'a quarantine that nothing tells of');
      if (iommu.state === 'present') promise(/directio/.test(text), 'an IOMMU that nothing tells of');
      const rest = restIn(text);
      if (rest === 'paused') promise(/\s[a-z-]*p[a-z-]*\s/.test(text), 'paused, and nothing tells of it');
      const words = spokenWords(text);
      promise(words.length <= 1_000 && !words.includes('\n'), 'more than a line is passed on');
      const remarks = remarksIn(text);
      return iommu.state !== 'unknown' || rest !== undefined || remarks.length > 0 ? 'accepted' : 'refused';
    },
  }),
};
