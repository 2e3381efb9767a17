import type { Request, RequestOptions } from './call.ts';
import { readDirectory } from './directory.ts';
import type { Permission } from './permissions.ts';
import * as requests from './requests.ts';

/**
 * The operations on nodes, the same inside and outside a transaction.
 *
 * Every one of them rejects with XenstoreError when xenstored refuses, InvalidRequestError when the request may not be
 * sent, ConnectionLostError, DeadlineError, ProtocolError, QueueFullError or ClientClosedError, or with the reason of
 * the given signal. None is ever sent twice.
 */
export abstract class Store {
  /** 0 outside transactions. */
  protected abstract readonly transactionId: number;

  /** Sends a request and resolves with its decoded answer. */
  protected abstract ask<T>(request: Request<T>, options: RequestOptions): Promise<T>;

  /** Sends requests together and resolves with their answers in order, undefined where there is no such node. */
  protected abstract askAll<T>(requests: readonly Request<T>[], options: RequestOptions): Promise<(T | undefined)[]>;

  /**
   * Reads a node's value as UTF-8, which for the plain ASCII the specification asks for is the value itself. Bytes that
   * are no UTF-8 become U+FFFD; {@link readBytes} gives them as they are.
   */
  async read(path: string, options: RequestOptions = {}): Promise<string> {
    return this.ask(new requests.ReadTextRequest(path, this.transactionId), options);
  }

  /**
   * Reads the values of a node's children together, as {@link read} does, which costs less than one by one. Outside a
   * transaction they may be of different moments. The deadline is for all of them.
   * @param names of the children; their values come in this order, undefined for a child that is not there
   */
  async readChildren(
    path: string,
    names: readonly string[],
    options: RequestOptions = {},
  ): Promise<(string | undefined)[]> {
    if (names.length === 0) return [];
    const reads = names.map(name => new requests.ReadTextRequest(`${path}/${name}`, this.transactionId));
    return this.askAll(reads, options);
  }

  /** Reads a node's value, byte for byte. */
  async readBytes(path: string, options: RequestOptions = {}): Promise<Buffer> {
    return this.ask(requests.readRequest(path, this.transactionId), options);
  }

  /** Sets a node's value; strings are written as UTF-8. Missing parents are made. Path and value take 4095 bytes at most. */
  async write(path: string, value: string | Uint8Array, options: RequestOptions = {}): Promise<void> {
    return this.ask(requests.writeRequest(path, value, this.transactionId), options);
  }

  /** Makes a node with an empty value, and its missing parents. A node that exists is left as it is. */
  async mkdir(path: string, options: RequestOptions = {}): Promise<void> {
    return this.ask(requests.mkdirRequest(path, this.transactionId), options);
  }

  /** Removes a node and everything below it. Refused with ENOENT when not even its parent exists. */
  async rm(path: string, options: RequestOptions = {}): Promise<void> {
    return this.ask(requests.removeRequest(path, this.transactionId), options);
  }

  /** Lists the names of a node's children, without their paths, in no order to rely on. The deadline is for each part. */
  async directory(path: string, options: RequestOptions = {}): Promise<string[]> {
    return readDirectory(request => this.ask(request, options), path, this.transactionId);
  }

  /** Reads who may do what with a node; the first entry names its owner. */
  async getPermissions(path: string, options: RequestOptions = {}): Promise<Permission[]> {
    return this.ask(requests.getPermissionsRequest(path, this.transactionId), options);
  }

  /** Sets who may do what with a node; the first entry names its owner. */
  async setPermissions(path: string, permissions: readonly Permission[], options: RequestOptions = {}): Promise<void> {
    return this.ask(requests.setPermissionsRequest(path, permissions, this.transactionId), options);
  }
}
