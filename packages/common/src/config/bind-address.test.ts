import { expect, test } from 'vitest';
import { checkBindHost, checkPeerAddress, formatAddress, isLoopback } from './bind-address.ts';

const nothing = { isEncrypted: false, isInsecureAllowed: false };

test('an address that other machines reach is refused unless calls are encrypted or it is spelled out', () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.7', 'jobmanager', '127.evil.example', '1270.0.0.1']) {
    expect(() => checkBindHost(host, nothing), host).toThrow(
      expect.objectContaining({
        code: 'MR_OPTION_INVALID',
        message: expect.stringMatching(/millrace certs create.*--certs.*127\.0\.0\.1.*--insecure-internal/),
      }),
    );
    checkBindHost(host, { ...nothing, isEncrypted: true });
    checkBindHost(host, { ...nothing, isInsecureAllowed: true });
  }
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) checkBindHost(host, nothing);
  expect(isLoopback('127.0.0.1.example.org')).toBe(false);
});

test('a token is shown on loopback only, unless calls are encrypted or it is spelled out', () => {
  for (const address of [
    'jobmanager:6123',
    '10.0.0.7:6123',
    '[2001:db8::1]:6123',
    'localhost.example.org:1',
  ]) {
    expect(() => checkPeerAddress(address, nothing), address).toThrow(
      /--certs.*127\.0\.0\.1.*--insecure-internal/,
    );
    checkPeerAddress(address, { ...nothing, isEncrypted: true });
    checkPeerAddress(address, { ...nothing, isInsecureAllowed: true });
  }
  for (const address of ['127.0.0.1:1', 'localhost:6123', '[::1]:6123']) checkPeerAddress(address, nothing);
});

test('formatAddress puts IPv6 addresses in brackets', () => {
  expect(formatAddress('::1', 7)).toBe('[::1]:7');
  expect(formatAddress('taskmanager-1', 7)).toBe('taskmanager-1:7');
});
