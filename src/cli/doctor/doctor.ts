import type { ManifestProblem } from '../../api/manifest.ts';
import type { Answer, Examination, Ownership } from '../../host/index.ts';
import type { BootHide } from '../boot-hide/boot-settings.ts';
import { bootHideCheck } from './boot.ts';
import type { Check, Result } from './check.ts';
import { domainChecks, type NamedDomain } from './domains.ts';
import { filesCheck, manifestsCheck, type OwnedFile, stateCheck } from './files.ts';
import { type HookInstall, hostChecks } from './host.ts';

/** All that was found out. */
export interface Findings {
  readonly host: Examination;
  readonly hook: HookInstall;
  /** Whether whoever asks is root. */
  readonly root: boolean;
  readonly folder: string;
  /** Who may change the folder of manifests and each manifest in force; the folder comes first. */
  readonly files: Answer<readonly OwnedFile[]>;
  readonly state: { readonly path: string; readonly owner: Answer<Ownership | undefined> };
  readonly problems: Answer<readonly ManifestProblem[]>;
  /** The controller's process id, and whether it has told of a look; undefined while none runs. */
  readonly controller: Answer<{ readonly pid: number; readonly hasLooked: boolean } | undefined>;
  /** What the manifests say of domains, beside what was found of these. */
  readonly domains: Answer<readonly NamedDomain[]>;
  readonly bootHide: Answer<BootHide>;
  /** The file of modprobe's that is to say what is hidden at boot. */
  readonly modprobeConf: string;
}

/** Judges what was found. Pure. */
export function diagnose(found: Findings): readonly Check[] {
  const seen = (check: Check): Check => (found.root ? check : asOtherUser(check));
  const host = hostChecks(found.host, found.hook).map(seen);
  const hasFailed = host.some(({ result }) => result === 'failure');
  const checks = [
    ...host,
    filesCheck(found.files),
    manifestsCheck(found.folder, found.files, found.problems),
    stateCheck(found.state.path, found.state.owner),
    controllerCheck(found.controller),
    ...('unknown' in found.domains && hasFailed ? [NO_LOOK] : domainChecks(found.domains)),
    'unknown' in found.domains && 'unknown' in found.bootHide
      ? SAME_REASON
      : bootHideCheck(found.bootHide, found.modprobeConf),
  ];
  return [...(found.root ? [] : [NOT_ROOT]), ...checks.map(seen)];
}

/** What another user than root may not look at is not broken, and nothing but root mends it. */
function asOtherUser(check: Check): Check {
  if (check.result === 'ok' || !/EACCES|EPERM|permission denied/i.test(check.message)) return check;
  return { name: check.name, result: 'warning', message: 'not checked: only root may look at it' };
}

const NOT_ROOT: Check = {
  name: 'user',
  result: 'warning',
  message: 'this is not root, who alone can see all of it',
  mend: { commands: ['sudo xenpci doctor'] },
};

/** Why the whole host could not be looked at has lines of its own. */
const NO_LOOK: Check = { name: 'domains', result: 'warning', message: 'not checked: mend what failed above first' };
/** Both need one look at the whole host. */
const SAME_REASON: Check = { name: 'boot-hide', result: 'warning', message: 'not checked, for the same reason' };

function controllerCheck(controller: Findings['controller']): Check {
  const name = 'controller';
  if ('unknown' in controller) return { name, result: 'warning', message: `not checked: ${controller.unknown}` };
  if (controller.found !== undefined) {
    const { pid, hasLooked } = controller.found;
    if (hasLooked) return { name, result: 'ok', message: `runs as process ${pid}` };
    const message = `runs as process ${pid}, and could not look at the host yet: mend what failed above`;
    return { name, result: 'warning', message, mend: { commands: ['journalctl -u xenpci'] } };
  }
  const message = 'no controller runs: nothing is kept where the manifests say';
  return { name, result: 'warning', message, mend: { commands: ['systemctl enable --now xenpci'] } };
}

/** How many checks have each result. */
export function tally(checks: readonly Check[]): Readonly<Record<Result, number>> {
  const count = (result: Result): number => checks.filter(check => check.result === result).length;
  return { ok: count('ok'), warning: count('warning'), failure: count('failure') };
}
