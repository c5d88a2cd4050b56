import type { Udx, UdxSocket, UdxStream } from 'hyperdht';
import { isLanAddress } from '../address';

/**
 * Keeps a DHT node on the local network: its sockets send to no other address, and hear none. Without it a peer could
 * name one for us to ask, relay to, or connect to: in answers, handshakes, or as the sender of a forged packet.
 *
 * To be called before the node binds its sockets.
 */
export function keepOnLan(udx: Udx): void {
  const createSocket = udx.createSocket.bind(udx);
  udx.createSocket = (...args) => guardSocket(createSocket(...args));
  const createStream = udx.createStream.bind(udx);
  udx.createStream = (id, options = {}) => {
    const { firewall } = options;
    const guarded = firewall && {
      firewall: (socket: UdxSocket, port: number, host: string): boolean =>
        !isLanAddress(host) || firewall(socket, port, host),
    };
    return guardStream(createStream(id, { ...options, ...guarded }));
  };
  // Names are of the internet, and asking for one tells it.
  udx.lookup = () => Promise.reject(new Error('names are not looked up on the local network'));
}

function guardSocket(socket: UdxSocket): UdxSocket {
  const send = socket.send.bind(socket);
  socket.send = (buffer, port, host, ttl) =>
    isLanAddress(host) ? send(buffer, port, host, ttl) : Promise.resolve(false);
  const trySend = socket.trySend.bind(socket);
  socket.trySend = (buffer, port, host, ttl) => {
    if (isLanAddress(host)) trySend(buffer, port, host, ttl);
  };
  const emit = socket.emit.bind(socket);
  socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    const from = event === 'message' ? (args[1] as { readonly host: string }) : undefined;
    return from && !isLanAddress(from.host) ? false : emit(event, ...args);
  };
  return socket;
}

function guardStream(stream: UdxStream): UdxStream {
  const outside = (): void => {
    stream.destroy(new Error('the address is not of the local network'));
  };
  const connect = stream.connect.bind(stream);
  stream.connect = (socket, id, port, host, ...rest) => {
    if (isLanAddress(host)) connect(socket, id, port, host, ...rest);
    else outside();
  };
  const changeRemote = stream.changeRemote.bind(stream);
  stream.changeRemote = (socket, id, port, host) => {
    if (isLanAddress(host)) return changeRemote(socket, id, port, host);
    outside();
    return Promise.resolve();
  };
  return stream;
}
