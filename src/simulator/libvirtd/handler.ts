import { decodeBody, ErrorCode, ErrorDomain, encodeReply, type Procedure, XdrError } from '../../node-libvirt/index.ts';
import { LibvirtRefusal } from '../model/refusal.ts';
import type { ClientState, Daemon } from './daemon.ts';

/** Answers the calls of one procedure: takes the body of a call and its serial, returns the frame of the reply. */
export interface Handler {
  /** Whether it is answered before the hypervisor is open. */
  readonly early: boolean;
  readonly answer: (daemon: Daemon, client: ClientState, body: Buffer, serial: number) => Promise<Buffer>;
}

/** Puts a procedure and what it does together. */
export function handler<Args, Result>(
  procedure: Procedure<Args, Result>,
  run: (daemon: Daemon, args: Args, client: ClientState) => Result | Promise<Result>,
  early = false,
): readonly [number, Handler] {
  const answer: Handler['answer'] = async (daemon, client, body, serial) => {
    const args = decodeArguments(procedure, body);
    return encodeReply(procedure, serial, await run(daemon, args, client));
  };
  return [procedure.number, { early, answer }];
}

function decodeArguments<Args>(procedure: Procedure<Args, unknown>, body: Buffer): Args {
  try {
    return decodeBody(procedure.args, body);
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    throw new LibvirtRefusal(ErrorCode.rpc, 'Unable to decode message payload', ErrorDomain.rpc);
  }
}
