// Package config reads the settings file: YAML in, typed and checked settings out.
//
// All mistakes of a file are reported at once, each with its line and column, what is wrong and what is
// allowed. Nothing is guessed: unknown and repeated keys, wrong types, impossible values, anchors, aliases,
// tags and second documents are refused, and a number is not taken where a text is meant, since YAML would
// drop its leading zeros. A driver's own options are decoded as strictly as the rest.
//
// The package reads the settings file, the files with secrets that it names, and the environment, all through
// Env. It opens no port, and changes nothing but the settings file in PutTerminal.
package config
