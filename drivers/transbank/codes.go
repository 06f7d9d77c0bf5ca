package transbank

import (
	"fmt"

	"tillbridge/terminal"
)

const (
	codeOK     = "00"
	codeNoSale = "11" // no sale is stored
	codeInitOK = "90"
)

// code is a response code of the terminal (sheet 6).
type code struct {
	refuses bool // it says that nothing was paid; the others leave that open
	text    string
	spanish string
}

// codeOf is what a code means; false for one that the paper does not have, which decides nothing.
func codeOf(c string) (code, bool) {
	const (
		check   = "It is not certain whether the payment was made; the terminal is asked."
		close0  = "The terminal wants its close (cierre) first: close the day, then try again."
		call    = "The terminal is not set up right; call Transbank."
		garbled = "The terminal did not understand the till; call your technician."
	)
	k, ok := map[string]code{
		codeOK: {false, "The payment was approved.", "Aprobado"},
		"01":   {true, "The bank declined the payment.", "Rechazado"},
		"02":   {false, "The bank does not answer. " + check, "Host no responde"},
		"03":   {false, "The connection to the bank failed. " + check, "Conexión falló"},
		"04":   {true, "The sale was voided already.", "Transacción ya fue anulada"},
		"05":   {true, "There is no such sale to void.", "No existe transacción para anular"},
		"06":   {true, "The terminal does not take this card.", "Tarjeta no soportada"},
		"07":   {true, "The payment was cancelled at the terminal.", "Transacción cancelada desde el POS"},
		"08":   {true, "A debit sale cannot be voided.", "No puede anular transacción débito"},
		"09":   {true, "The card could not be read.", "Error lectura tarjeta"},
		"10":   {true, "The amount is below the terminal's minimum.", "Monto menor al mínimo permitido"},
		"11":   {false, "The terminal has no sale stored.", "No existe venta"},
		"12":   {true, "The terminal does not support this.", "Transacción no soportada"},
		"13":   {true, close0, "Debe ejecutar cierre"},
		"14":   {true, "The terminal has no dial tone; look after its telephone or network cable.", "No hay tono"},
		"15":   {true, call, "Archivo BITMAP.DAT no encontrado"},
		"16":   {false, "The bank's answer could not be read. " + check, "Error formato respuesta del host"},
		"17":   {true, "The last four digits do not match the card.", "Error en los 4 últimos dígitos"},
		"18":   {true, "The terminal's menu failed; try again.", "Menú inválido"},
		"19":   {true, "It was another card than before.", "Tarjeta distinta"},
		"20":   {true, "The card is not valid.", "Tarjeta inválida"},
		"21":   {true, "The sale may not be voided.", "Anulación no permitida"},
		"22":   {false, "The terminal's time ran out. " + check, "Tiempo agotado"},
		"24":   {true, "The terminal has no paper; put in a roll, then try again.", "Impresora sin papel"},
		"25":   {true, "The terminal's date is wrong. " + call, "Fecha inválida"},
		"26":   {true, "The terminal needs its keys: load them (carga de llaves, in its menu), then try again.", "Debe cargar llaves"},
		"27":   {true, "The terminal wants an update of its software; start it at the terminal.", "Debe actualizar"},
		"54":   {true, "The bank declined the payment.", "Rechazado"},
		"60":   {true, "The number of instalments was not taken.", "Error en número de cuotas"},
		"61":   {true, "The terminal could not put its request together; try again.", "Error en armado de solicitud"},
		"62":   {true, "The terminal's PIN pad failed.", "Problema con el PIN pad interno"},
		"65":   {false, "The bank's answer could not be worked through. " + check, "Error al procesar la respuesta del host"},
		"67":   {true, close0, "Superó número máximo de ventas, debe ejecutar cierre"},
		"68":   {true, "The amount was not entered.", "Error al ingresar el monto"},
		"70":   {true, garbled, "Error de formato: largo del ticket"},
		"71":   {true, garbled, "Error de largo del campo impresión"},
		"72":   {true, garbled, "Error de monto: debe ser mayor que 0"},
		"73":   {true, "The terminal has no number. " + call, "Terminal ID no configurado"},
		"74":   {true, close0, "Debe ejecutar cierre"},
		"75":   {true, "No cards are set up in the terminal. " + call, "Comercio sin tarjetas configuradas"},
		"76":   {true, close0, "Superó número máximo de ventas, debe ejecutar cierre"},
		"77":   {true, close0, "Debe ejecutar cierre"},
		"90":   {false, "The terminal is initialised.", "Inicialización exitosa"},
		"91":   {false, "The terminal could not be initialised.", "Inicialización fallida"},
		"92":   {true, "The card reader is not connected.", "Lector no conectado"},
		"93":   {true, "The payment was declined.", "Declinada"},
		"94":   {false, "The answer could not be worked through. " + check, "Error al procesar respuesta"},
		"95":   {false, "The receipt could not be printed. " + check, "Error al imprimir tasa"},
	}[c]
	return k, ok
}

// codeText is a sentence for a code with the terminals' own words behind it.
func codeText(c string) string {
	k, ok := codeOf(c)
	switch {
	case ok:
		return k.text + " (" + k.spanish + ".)"
	case c == "":
		return "The terminal gave no response code."
	}
	return fmt.Sprintf("The terminal gave the response code %q, which the paper does not have.", tidy(c))
}

// tidy is a short field as people and files may have it.
func tidy(field string) string { return terminal.Tidy(field, 20) }

// progressOf is a status of 0900: how far the payment is, in English and Spanish.
func progressOf(status string) terminal.Progress {
	p, ok := map[string]terminal.Progress{
		"78": {Stage: terminal.CardWait, Text: "Waiting for the card (esperando tarjeta)"},
		"79": {Stage: terminal.CardWait, Text: "The customer confirms the amount (confirme monto)"},
		"80": {Stage: terminal.CardRead, Text: "The customer chooses instalments or none (selección de cuotas)"},
		"81": {Stage: terminal.CardRead, Text: "The customer types the PIN (ingrese PIN)"},
		"82": {Stage: terminal.HostWait, Text: "The bank is asked (enviando al host)"},
		"83": {Stage: terminal.CardWait, Text: "Credit or debit is chosen (seleccione crédito o débito)"},
		"84": {Stage: terminal.CardWait, Text: "The customer presents the card (opere tarjeta)"},
		"85": {Stage: terminal.CardRead, Text: "The customer chooses the instalments (seleccione cuotas)"},
		"86": {Stage: terminal.CardRead, Text: "The customer types the number of instalments (ingrese cuotas)"},
		"87": {Stage: terminal.CardRead, Text: "The customer confirms the instalments (confirme cuotas)"},
		"88": {Stage: terminal.CardRead, Text: "The number of instalments is not taken (cantidad de cuotas)"},
		"89": {Stage: terminal.CardRead, Text: "The customer chooses the month of grace (mes de gracia)"},
	}[status]
	if !ok {
		return terminal.Progress{Stage: terminal.Working}
	}
	return p
}

// brandOf is a card's name.
func brandOf(r sale) string {
	name, ok := map[string]string{
		"VI": "Visa", "MC": "Mastercard", "CA": "Cabal", "CR": "Credencial", "AX": "American Express", "CE": "Cerrada", "DC": "Diners Club",
		"TP": "Presto", "MG": "Magna", "TM": "Más", "RP": "Ripley", "EX": "Extra", "TC": "CMR", "DB": "Redcompra",
	}[r.brand]
	switch {
	case ok:
		return name
	case r.brand != "":
		return tidy(r.brand)
	case r.kind == "DB":
		return "debit card"
	case r.kind == "CR":
		return "credit card"
	}
	return ""
}
