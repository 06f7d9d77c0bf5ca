package terminal

// Abilities are what a session can do beside paying, in words for people, in the order of their interfaces. Nothing of it is called.
func Abilities(s Session) []string {
	var all []string
	can := func(ok bool, word string) {
		if ok {
			all = append(all, word)
		}
	}
	_, cancel := s.(Canceller)
	can(cancel, "cancel")
	_, refund := s.(Refunder)
	can(refund, "refund")
	_, void := s.(Voider)
	can(void, "void")
	_, settle := s.(Settler)
	can(settle, "day end")
	_, totals := s.(Totaller)
	can(totals, "totals")
	_, reprint := s.(Reprinter)
	can(reprint, "reprint")
	_, diagnose := s.(Diagnoser)
	can(diagnose, "diagnosis")
	return all
}
