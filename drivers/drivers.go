// Package drivers lists the drivers that the program knows. A new one is a folder beside this file and a line
// in All.
package drivers

import (
	"tillbridge/drivers/caisseap"
	"tillbridge/drivers/ecr17"
	"tillbridge/drivers/manual"
	"tillbridge/drivers/pax"
	"tillbridge/drivers/process"
	"tillbridge/drivers/telium"
	"tillbridge/drivers/transbank"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
)

// All is every driver, by name. The blueprint, drivers/example, is not among them: no terminal speaks its protocol.
func All() []terminal.Driver {
	return []terminal.Driver{
		caisseap.Driver(),
		ecr17.Driver(),
		manual.Driver(),
		pax.Driver(),
		process.Driver(),
		telium.Driver(),
		transbank.Driver(),
		zvt.Driver(),
	}
}
