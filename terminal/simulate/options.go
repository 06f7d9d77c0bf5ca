package simulate

import "fmt"

// Own are a simulator's own options as terminal.SimulatorOptions hands them over: an O or a *O, and for nothing the zero O. Any other type is an error.
func Own[O any](options any) (own O, err error) {
	switch v := options.(type) {
	case nil:
	case O:
		own = v
	case *O:
		if v != nil {
			own = *v
		}
	default:
		err = fmt.Errorf("simulator options of type %T, want %T", options, own)
	}
	return own, err
}
