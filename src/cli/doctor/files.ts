import type { ManifestProblem } from '../../api/manifest.ts';
import type { Answer, Ownership } from '../../host/index.ts';
import { isEmptyFolder } from '../../source/problem.ts';
import { type Check, notChecked } from './check.ts';

/** A file or folder, and who may change it; undefined when it is not there. */
export interface OwnedFile {
  readonly path: string;
  readonly owner: Ownership | undefined;
}

/** Whoever may change a manifest can give away any device: that must be root, or who runs the controller. */
export function filesCheck(files: Answer<readonly OwnedFile[]>): Check {
  const name = 'permissions';
  if ('unknown' in files) return notChecked(name, files);
  const [folder] = files.found;
  if (folder?.owner?.isFolder === false) {
    return { name, result: 'failure', message: `${folder.path} is not a folder` };
  }
  const open = files.found.filter(({ owner }) => owner !== undefined && isOpenToOthers(owner));
  const [first] = open;
  if (first !== undefined) {
    const more = open.length === 1 ? '' : ` (and ${open.length - 1} more)`;
    const message = `others than its owner may change ${first.path}${more}, and so give away any device`;
    return { name, result: 'failure', message, mend: { commands: [`chmod -R go-w ${folder?.path ?? first.path}`] } };
  }
  const foreign = files.found.find(({ owner }) => owner !== undefined && owner.uid !== 0);
  if (foreign !== undefined) {
    const message = `${foreign.path} belongs to user ${foreign.owner?.uid}, who can give away any device`;
    return { name, result: 'warning', message, mend: { commands: [`chown -R root: ${folder?.path ?? foreign.path}`] } };
  }
  return { name, result: 'ok', message: 'only root may change the manifests' };
}

/** Whether others than its owner may change it. A private group has its owner's number, and nobody else in it. */
function isOpenToOthers({ uid, gid, mode }: Ownership): boolean {
  return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0 && gid !== uid);
}

/** Whether the manifests can be followed as they are. @param files their folder first, as `filesCheck` has them. */
export function manifestsCheck(
  folder: string,
  files: Answer<readonly OwnedFile[]>,
  problems: Answer<readonly ManifestProblem[]>,
): Check {
  const name = 'manifests';
  if ('found' in files && files.found[0]?.owner === undefined) {
    const mend = { commands: [`install -d -m 755 ${folder}`] };
    return { name, result: 'failure', message: `${folder} is not there`, mend };
  }
  if ('unknown' in problems) return { name, result: 'failure', message: problems.unknown };
  const [first] = problems.found;
  if (first === undefined) return { name, result: 'ok', message: `all in ${folder} are valid` };
  const { file, message: why, code } = first;
  if (isEmptyFolder(problems.found)) {
    const message = `${folder} has no manifests yet, so no device is given to anybody`;
    return {
      name,
      result: 'warning',
      message,
      mend: { commands: [`xenpci export >${folder}/all.yaml`], words: 'or write one' },
    };
  }
  const rest = problems.found.length === 1 ? '' : ` (and ${problems.found.length - 1} more)`;
  const place = first.line > 0 ? `${file}:${first.line}` : file;
  const field = first.field === '' ? '' : `${first.field}: `;
  const message = `${place}: ${field}${why}${rest}`;
  // What is not trusted can be valid all the same, and its message has the command.
  if (code === 'NotTrusted') return { name, result: 'failure', message };
  return { name, result: 'failure', message, mend: { commands: [`xenpci validate ${folder}`] } };
}

/** Whether what has to be remembered is safe from others. */
export function stateCheck(path: string, owner: Answer<Ownership | undefined>): Check {
  const name = 'state';
  if ('unknown' in owner) return { name, result: 'failure', message: owner.unknown };
  const found = owner.found;
  if (found === undefined) return { name, result: 'ok', message: `${path} is made at the first start` };
  if (!found.isFolder)
    return { name, result: 'failure', message: `${path} is not a folder`, mend: { commands: [`rm ${path}`] } };
  if ((found.mode & 0o022) !== 0) {
    const mend = { commands: [`chmod go-w ${path}`] };
    return { name, result: 'failure', message: `others may write to ${path}`, mend };
  }
  return { name, result: 'ok', message: `${path} is there` };
}
