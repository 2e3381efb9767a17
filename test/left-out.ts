import type { Reporter } from 'vitest/reporters';

/** Says at the end of a run what `npm test` is, and what it is not. */
export default class LeftOut implements Reporter {
  onTestRunEnd(): void {
    process.stdout.write(
      [
        '',
        'Tested: the pure core by its laws, every module, the loop under faults, the built program on the simulated dom0.',
        'Left out, and how to run it:',
        '  npm run test:daemons   the real xenstored, oxenstored and libvirtd (installs them from Debian; needs root)',
        '  npm run test:browser   the page of `xenpci ui` in Chromium (installs it from Debian; needs root)',
        '  npm run test:node      the same on another Node: -- 20.19, -- 22 or -- 24 (gets it from npm)',
        '  npm run test:xen       real Xen 4.17 under emulation; with -- --all also Xen 4.20 (builds images; needs root)',
        '  npm run simulate       the whole controller in virtual time, in 100,000 worlds instead of 400',
        '',
      ].join('\n'),
    );
  }
}
