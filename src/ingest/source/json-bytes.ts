/** Bytes by which the shape of JSON is seen (RFC 8259, section 2), the same in any text of UTF-8. */
export const QUOTE = 34
export const BACKSLASH = 92
export const OPEN_LIST = 91
export const CLOSE_LIST = 93
export const OPEN_OBJECT = 123
export const CLOSE_OBJECT = 125
