from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Room",
            [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=40))],
        ),
        migrations.RunSQL("INSERT INTO rooms_room (name) VALUES ('it''s; fine')"),
    ]
