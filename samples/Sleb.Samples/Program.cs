using System.Globalization;
using Sleb.Samples;

// dotnet run -c Release --project samples/Sleb.Samples            runs all samples, from the root of the clone
// dotnet run -c Release --project samples/Sleb.Samples -- apply   runs one of them
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string model = "models/tiny-novels", work = "out/samples";
switch (args)
{
    case []:
        PruneAndSave.Run(model, work);
        ApplyInProduction.Run(work);
        ChooseByExperiment.Run(model, work);
        return 0;
    case ["prune"]:
        PruneAndSave.Run(model, work);
        return 0;
    case ["apply"]:
        ApplyInProduction.Run(work);
        return 0;
    case ["experiment"]:
        ChooseByExperiment.Run(model, work);
        return 0;
    default:
        Console.Error.WriteLine("Give prune, apply, experiment, or nothing for all.");
        return 2;
}
