package config

import _ "embed" // for the example

//go:embed example.yaml
var example string

// Example is a settings file to start from, with comments: the one that lies beside the README as
// config.example.yaml.
func Example() []byte { return []byte(example) }
