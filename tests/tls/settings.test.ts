/** Settings that do less than one may think are named, in etcd's words where it has them. */
import { expect, test } from 'vitest'
import { canServe, demandsCertificate, doubtfulSettings, isConfigured } from '../../src/tls/settings.ts'
import { NO_TLS } from '../support/tls-rig.ts'

const HTTP = 'http://127.0.0.1:2379'
const HTTPS = 'https://127.0.0.1:2379'
const PAIR = { ...NO_TLS, certFile: 'cert.pem', keyFile: 'key.pem' }

test('files and client certificates that an http URL has no use for are named, each URL by itself', () => {
  expect(doubtfulSettings('client', NO_TLS, [HTTP])).toEqual([])
  expect(doubtfulSettings('client', PAIR, [HTTPS])).toEqual([])
  expect(doubtfulSettings('client', PAIR, [HTTPS, HTTP])).toEqual([
    `The scheme of client url ${HTTP} is HTTP while client key/cert files are presented. Ignored key/cert files.`,
  ])
  const settings = { ...PAIR, trustedCaFile: 'ca.pem', clientCertAuth: true }
  expect(doubtfulSettings('peer', settings, [HTTP])).toEqual([
    `The scheme of peer url ${HTTP} is HTTP while peer key/cert files are presented. Ignored key/cert files.`,
    `The scheme of peer url ${HTTP} is HTTP while client cert auth (--peer-client-cert-auth) is enabled. Ignored client cert auth for this url.`,
  ])
})

test('client certificates without an authority of their own are named: anybody can get one', () => {
  expect(doubtfulSettings('client', { ...PAIR, clientCertAuth: true }, [HTTPS])).toEqual([
    '--client-cert-auth without --trusted-ca-file lets in whoever has a certificate of any authority that this machine trusts',
  ])
})

test('what is configured, what can serve, and who is asked for a certificate', () => {
  expect([NO_TLS, PAIR, { ...NO_TLS, auto: true }, { ...NO_TLS, trustedCaFile: 'ca.pem' }].map(isConfigured)).toEqual([
    false,
    true,
    true,
    true,
  ])
  expect(canServe({ ...NO_TLS, trustedCaFile: 'ca.pem' })).toBe(false)
  expect(canServe({ ...NO_TLS, certFile: 'cert.pem' })).toBe(false)
  expect(demandsCertificate(PAIR)).toBe(false)
  expect(demandsCertificate({ ...PAIR, trustedCaFile: 'ca.pem' })).toBe(true)
  expect(demandsCertificate({ ...PAIR, allowedCn: 'member' })).toBe(true)
})
