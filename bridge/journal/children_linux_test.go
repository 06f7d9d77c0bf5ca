package journal

// children are the roles that this binary can play as a process of its own.
func children() map[string]func(args []string) error {
	return map[string]func([]string) error{"open": openChild, "failing": failingChild, "append": appendChild}
}
