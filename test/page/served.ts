import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a page may do: run and fetch what its own server has, and make no code out of texts. */
export const policy = "default-src 'none'; script-src 'self'; connect-src 'self'";

const types: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript' };

/** A server of some files, by path, on an address of this machine only. */
export async function served(
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<{ readonly address: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    const content = files.get(request.url ?? '');
    const type = types[(request.url ?? '').split('.').at(-1)!] ?? 'application/octet-stream';
    response.writeHead(content === undefined ? 404 : 200, {
      'content-type': type,
      'content-security-policy': policy,
    });
    response.end(content);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}`, close: () => server.close() };
}
