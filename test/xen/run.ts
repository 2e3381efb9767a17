/**
 * The tests on real Xen. Started by `npm run test:xen`, on any x86-64 machine with root, apt and two cores: no special
 * hardware, no hypervisor. For each Xen version it
 *
 *   1. builds a disk image from Debian's packages once (`build`, 1 to 2 minutes and a download of 300 MB; kept in
 *      ~/.cache/xenpci-lab or $XENPCI_LAB),
 *   2. fills a folder with the built product, the test program (the library `dom0/` and every file of `scenarios/`) and,
 *      where Debian's own Node is too old, the Node that runs this,
 *   3. boots Xen with a Linux dom0 in QEMU's software emulation (`boot`), where that folder is /share and the test
 *      program runs as root beside xenstored and libvirtd,
 *   4. prints each result as it comes, then a table, then `N passed, N failed`.
 *
 * A scenario is a file `scenarios/NAME.ts` that exports `tests: readonly Test[]` (see `scenarios/smoke.ts`). Each test
 * starts on a clean host: no guest, all devices on dom0's drivers, no product, libvirt and xenstore without a trace.
 * It starts guests (`Guest.start`), starts the product (`Product.start`), writes manifests, and looks at the world with
 * outside tools only: the guests' consoles, xenstore-ls, sysfs, virsh, xl.
 *
 * Of a run there is kept, in <cache>/SUITE/runs/<time>: console.log, share/events.jsonl, and for each failed test
 * share/diagnostics/*.txt. With `--bench` (`npm run bench:xen`) the files of `bench/` are run in place of the scenarios, and
 * what they measured is kept in <cache>/SUITE/bench/<time>.json. The exit code is 0 only if every test that was asked for ran and passed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runDom0 } from './runner/dom0.ts';
import { printMeasured } from './runner/measured.ts';
import { type Options, readOptions, SUITES, type Suite, USAGE } from './runner/options.ts';
import { print, Report } from './runner/report.ts';
import { assertBuilt, emptyShare, type Folder, fillShare, LAB, type Selection, testFiles } from './runner/share.ts';

/** ms an image may take to build: minutes, but the mirror may be slow. */
const BUILD_LIMIT = 2_400_000;
/** Runs kept for each suite. */
const KEPT_RUNS = 20;

/** npm starts every script in the project's folder. */
const project = process.cwd();
const interrupted = interruption();

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  print(`test:xen: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(args);
  if (options === undefined) return 2;
  if (options.help) {
    print(USAGE);
    return 0;
  }
  await assertBuilt(project);
  const reports: Report[] = [];
  for (const suite of options.suites) {
    if (!interrupted.aborted) reports.push(await runSuite(suite, options));
  }
  for (const report of reports) report.printTable();
  if (options.bench) {
    for (const report of reports) await printMeasured(report, join(cacheOf(report.suite), 'bench'), options.compare);
  }

  const passed = reports.reduce((sum, report) => sum + report.passed, 0);
  const failed = reports.reduce((sum, report) => sum + report.failed, 0);
  print();
  for (const suite of SUITES.filter(each => !reports.some(report => report.suite === each))) {
    print(`not run: ${suite.xen} (npm run test:xen -- --all)`);
  }
  if (options.only.source !== '(?:)') print(`not run: tests that do not match ${options.only}`);
  const unsteady = reports.reduce((sum, report) => sum + report.unsteady, 0);
  if (unsteady > 0) print(`unsteady: ${unsteady} passed only in a second dom0`);
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 && reports.length === options.suites.length ? 0 : 1;
}

/** Fires when the runner is told to end: dom0 is then ended first, and what was not run is said. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => controller.abort(`ended by ${signal}`));
  }
  return controller.signal;
}

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    return readOptions(args);
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return undefined;
  }
}

/** Whatever goes wrong with a suite is one failure in its report: what the other suites showed stays. */
async function runSuite(suite: Suite, { only, again, installed, bench, jobs }: Options): Promise<Report> {
  print(`${suite.xen} (${suite.name})`);
  const report = new Report(suite);
  try {
    await buildImage(suite);
    const folder: Folder = bench ? 'bench' : 'scenarios';
    const all: Selection = { installed, folder, files: await testFiles(project, folder), only };
    if (installed) {
      report.join(await bootSuite(suite, all));
      return report;
    }
    const shares = deal(all.files, jobs).map(files => bootSuite(suite, { ...all, files }));
    for (const part of await Promise.all(shares)) report.join(part);
    if (again && report.failedTests.length > 0) await runAgain(suite, all, report);
  } catch (error) {
    report.close(error instanceof Error ? error.message : String(error));
  }
  print();
  return report;
}

/**
 * Emulation is not steady: a guest's PCI frontend gives up after 2 s without an answer, and QEMU has crashed. What failed
 * gets a second dom0; what failed there too is broken.
 */
async function runAgain(suite: Suite, all: Selection, report: Report): Promise<void> {
  const names = report.failedTests.map(test => test.replaceAll(/[^\w ]/g, '\\$&'));
  print(`\n${suite.xen}: ${names.length} once more, in a new dom0`);
  report.retried(await bootSuite(suite, { ...all, only: new RegExp(`^(?:${names.join('|')})$`) }));
}

/** Deals the files in turn, as cards are dealt; nobody is left with none. */
function deal(files: readonly string[], jobs: number): readonly (readonly string[])[] {
  const hands = Array.from({ length: jobs }, (_, hand) => files.filter((_file, n) => n % jobs === hand));
  return hands.filter(hand => hand.length > 0);
}

async function bootSuite(suite: Suite, selection: Selection): Promise<Report> {
  const report = new Report(suite);
  const run = await newRun(suite);
  const share = join(run, 'share');
  const log = join(run, 'console.log');
  const command = await fillShare(project, share, suite, selection);
  const script = join(project, LAB, 'boot');
  const init = selection.installed ? 'systemd' : 'lab';
  const boot = { script, suite: suite.name, init, share, command, log } as const;
  const problem = await runDom0(boot, event => report.add(event), interrupted);
  await emptyShare(share);
  report.close(problem);
  if (report.failed === 0) return report;
  const end = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-15);
  print(`the console ends with:\n${end.join('\n').replaceAll(/^/gm, '     ')}`);
  print(`console log: ${log}\ndiagnostics: ${join(share, 'diagnostics')}`);
  return report;
}

/** @throws Error if the script fails or takes too long; what it says is on standard output. */
async function buildImage(suite: Suite): Promise<void> {
  const child = spawn(join(project, LAB, 'build'), [suite.name], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: BUILD_LIMIT,
    signal: interrupted,
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`no image of ${suite.name}: ${code === null ? 'time limit' : `exit code ${code}`}`);
}

/** A new folder for what a run leaves behind; the oldest ones go. */
async function newRun(suite: Suite): Promise<string> {
  const runs = join(cacheOf(suite), 'runs');
  await mkdir(runs, { recursive: true });
  // Several may begin in the same millisecond.
  const run = await mkdtemp(join(runs, `${new Date().toISOString().replaceAll(':', '-')}-`));
  const old = (await readdir(runs)).sort().slice(0, -KEPT_RUNS);
  await Promise.all(old.map(name => rm(join(runs, name), { recursive: true })));
  return run;
}

/** Where the image of a suite is, and what its runs leave behind. */
function cacheOf(suite: Suite): string {
  return join(process.env['XENPCI_LAB'] ?? join(homedir(), '.cache/xenpci-lab'), suite.name);
}
