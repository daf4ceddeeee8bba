// What @grafana/data expects of a browser when it is loaded.
if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'node', platform: 'node' } });
