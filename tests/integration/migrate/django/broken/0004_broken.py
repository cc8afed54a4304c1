from django.db import migrations, models


def fill(apps, editor):
    editor.execute("insert into nowhere values (1)")


class Migration(migrations.Migration):
    dependencies = [("rooms", "0003_contract_nights")]
    operations = [
        migrations.CreateModel("Half", [("id", models.BigAutoField(primary_key=True))]),
        migrations.RunPython(fill),
    ]
