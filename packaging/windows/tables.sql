UPDATE `Property` SET `Value` = 'SETTINGS;BROWSERPOLICY;FIREWALL;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE `Property` = 'SecureCustomProperties'
UPDATE `Registry` SET `Value` = '#%%SystemRoot%\System32\EventCreate.exe' WHERE `Name` = 'EventMessageFile'
DELETE FROM `Upgrade` WHERE `ActionProperty` = 'WIX_UPGRADE_DETECTED'
INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('{09D25DB6-0D2C-4D9E-9A5B-0B6E60B1A2D7}', '$NUMBER', 512, 'WIX_UPGRADE_DETECTED')
UPDATE `InstallExecuteSequence` SET `Sequence` = 1501 WHERE `Action` = 'RemoveExistingProducts'
UPDATE `Feature` SET `Attributes` = 24 WHERE `Feature` = 'Bridge'
UPDATE `Feature` SET `Attributes` = 8 WHERE `Feature` = 'BrowserPolicy'
UPDATE `Feature` SET `Attributes` = 8 WHERE `Feature` = 'FirewallRule'
CREATE TABLE `Condition` (`Feature_` CHAR(38) NOT NULL, `Level` INT NOT NULL, `Condition` CHAR(255) PRIMARY KEY `Feature_`, `Level`)
INSERT INTO `Condition` (`Feature_`, `Level`, `Condition`) VALUES ('BrowserPolicy', 1, 'BROWSERPOLICY=1 OR (HADPOLICY AND NOT BROWSERPOLICY)')
INSERT INTO `Condition` (`Feature_`, `Level`, `Condition`) VALUES ('FirewallRule', 1, 'FIREWALL=1 OR (HADFIREWALL AND NOT FIREWALL)')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('Stop', 3154, 'tillbridge.exe', 'stop')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('Stop', 'REMOVE~="ALL"', 1899)
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('FirewallOpen', 3106, 'System64Folder', '"[System64Folder]netsh.exe" advfirewall firewall add rule name=tillbridge dir=in action=allow protocol=TCP profile=private,domain program="[INSTALLDIR]tillbridge.exe"')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('FirewallUndo', 3426, 'System64Folder', '"[System64Folder]netsh.exe" advfirewall firewall delete rule name=tillbridge')
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('FirewallClose', 3170, 'System64Folder', '"[System64Folder]netsh.exe" advfirewall firewall delete rule name=tillbridge')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('FirewallUndo', '&FirewallRule=3 AND NOT !FirewallRule=3', 5802)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('FirewallOpen', '&FirewallRule=3 AND NOT !FirewallRule=3', 5803)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('FirewallClose', '&FirewallRule=2', 3400)
