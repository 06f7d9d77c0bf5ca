package link

import "tillbridge/terminal"

// Card terminals on USB, by the ids under which they are commonly known, for terminal.Driver.USB. An id tells the model, and not the protocol that it is
// set to.
var (
	USBTelium   = terminal.USBID{ID: "079b:0028", Name: "Ingenico Telium terminal"}
	USBMove5000 = terminal.USBID{ID: "0b00:0052", Name: "Ingenico Move/5000"}
	USBMove3000 = terminal.USBID{ID: "0b00:0053", Name: "Ingenico Move/3000 series"}
	USBDesk3000 = terminal.USBID{ID: "0b00:0054", Name: "Ingenico Desk/3000 series"}
	USBIWL200   = terminal.USBID{ID: "0b00:0064", Name: "Ingenico iWL200 series"}
	USBICT200   = terminal.USBID{ID: "0b00:0066", Name: "Ingenico iCT200 series"}
	USBDesk5000 = terminal.USBID{ID: "0b00:0080", Name: "Ingenico Desk/5000"}
	USBLane5000 = terminal.USBID{ID: "0b00:0081", Name: "Ingenico Lane/5000"}
	USBLane3000 = terminal.USBID{ID: "0b00:0084", Name: "Ingenico Lane/3000"}
	USBVX820    = terminal.USBID{ID: "11ca:0219", Name: "Verifone VX 820"}
	USBVX520C   = terminal.USBID{ID: "11ca:0222", Name: "Verifone VX520c"}
)
