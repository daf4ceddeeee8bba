// Stands for the sanitizers inside @grafana/data, which bring three packages along. Links are checked in data/field-options.ts,
// Markdown is sanitised where the text panel makes it; nothing else in the viewer makes HTML of data.

function leftOut(): never {
  throw new Error('the sanitizers of @grafana/data are left out of the bundle');
}

export const textUtil = { escapeHtml: leftOut, hasAnsiCodes: leftOut, sanitize: leftOut, sanitizeTextPanelContent: leftOut, sanitizeUrl: leftOut, sanitizeSVGContent: leftOut, sanitizeTrustedTypes: leftOut, sanitizeTrustedTypesRSS: leftOut };
export const sanitizeUrl = leftOut;
export const sanitize = leftOut;
export const sanitizeTextPanelContent = leftOut;
export const validatePath = leftOut;
export class PathValidationError extends Error {}
