package osservice

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// account is the service's own virtual account, which Windows makes and which has no password.
const account = `NT SERVICE\` + Name

// dataFolder holds settings, journal and logs.
func dataFolder() string {
	base := os.Getenv("ProgramData")
	if !filepath.IsAbs(base) {
		base = `C:\ProgramData`
	}
	return filepath.Join(base, "Tillbridge")
}

// closeFolder makes the data folder and lets only the system, administrators and the service into it. Others could
// have made it before, so that it gets another owner too.
func closeFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString("O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + serviceSID(Name) + ")")
	if err != nil {
		return fmt.Errorf("close %s to other users: %w", folder, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("close %s to other users: %w", folder, err)
	}
	acl, _, err := sd.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT,
			windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, acl, nil)
	}
	if err != nil {
		return fmt.Errorf("close %s to other users: %w", folder, err)
	}
	return nil
}
